# POST /auth/token ─ Lambda auth-token ─┬─ DynamoDB users
#                                       └─ Secrets Manager signing keys ◀─ rotation ─ Lambda auth-rotation ─┐
# GET /auth/jwks ── Lambda auth-token ──── parameter: published keys ◀──────────────────────────────────────┘
# any other route ─ Lambda auth-authorizer ─┘

data "aws_caller_identity" "current" {}

locals {
  token_seconds = 900
  audience      = "${var.name_prefix}-api"
}

resource "aws_dynamodb_table" "users" {
  name         = "${var.name_prefix}-users"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "username"

  attribute {
    name = "username"
    type = "S"
  }

  # Only the counts of wrong passwords have it; users never do.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  deletion_protection_enabled = !var.force_destroy
}

# Its value is made by the first rotation and never seen here: neither a plan nor the state holds a key.
resource "aws_secretsmanager_secret" "signing_keys" {
  name                    = "${var.name_prefix}/auth/signing-keys"
  description             = "The private keys that sign tokens, oldest first. Written by auth-rotation."
  recovery_window_in_days = var.force_destroy ? 0 : 7
}

resource "aws_secretsmanager_secret_rotation" "signing_keys" {
  secret_id           = aws_secretsmanager_secret.signing_keys.id
  rotation_lambda_arn = module.function["auth-rotation"].function.arn
  rotate_immediately  = true

  rotation_rules {
    automatically_after_days = var.rotation_days
  }

  depends_on = [aws_lambda_permission.rotation]
}

# Public: what anybody needs to check a token. Beside the secret, so that who checks tokens can't read what signs them.
resource "aws_ssm_parameter" "published_keys" {
  name        = "/${var.name_prefix}/auth/published-keys"
  description = "The keys that tokens are checked with (JWKS). Written by auth-rotation."
  type        = "String"
  value       = jsonencode({ keys = [] })

  lifecycle {
    ignore_changes = [value]
  }
}

resource "aws_lambda_permission" "rotation" {
  statement_id   = "secrets-manager"
  action         = "lambda:InvokeFunction"
  function_name  = module.function["auth-rotation"].function.function_name
  qualifier      = module.function["auth-rotation"].function.alias
  principal      = "secretsmanager.amazonaws.com"
  source_account = data.aws_caller_identity.current.account_id
}
