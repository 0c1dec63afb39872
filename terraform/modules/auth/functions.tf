locals {
  # Each with what its code calls and no more.
  functions = {
    auth-token = {
      description     = "Signs users in, and shows the keys that tokens are checked with."
      memory_mb       = 1024 # a password's hash is meant to cost processor time, of which memory buys a share
      timeout_seconds = 10
      environment = {
        USERS_TABLE         = aws_dynamodb_table.users.name
        KEYS_SECRET         = aws_secretsmanager_secret.signing_keys.name
        JWKS_PARAMETER      = aws_ssm_parameter.published_keys.name
        ISSUER              = var.issuer
        AUDIENCE            = local.audience
        TOKEN_SECONDS       = tostring(local.token_seconds)
        PUBLICATION_SECONDS = tostring(var.publication_seconds)
      }
      permissions = {
        ReadUsers = { Action = ["dynamodb:BatchGetItem"], Resource = [aws_dynamodb_table.users.arn] }
        # It counts wrong passwords beside the users, and can't change a user.
        CountFailures = {
          Action    = ["dynamodb:UpdateItem", "dynamodb:DeleteItem"]
          Resource  = [aws_dynamodb_table.users.arn]
          Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["failures#*"] } }
        }
        ReadSigningKeys   = { Action = ["secretsmanager:GetSecretValue"], Resource = [aws_secretsmanager_secret.signing_keys.arn] }
        ReadPublishedKeys = { Action = ["ssm:GetParameter"], Resource = [aws_ssm_parameter.published_keys.arn] }
      }
    }
    auth-authorizer = {
      description     = "Checks tokens for API Gateway."
      memory_mb       = 512
      timeout_seconds = 5
      environment = {
        JWKS_PARAMETER = aws_ssm_parameter.published_keys.name
        ISSUER         = var.issuer
        AUDIENCE       = local.audience
      }
      permissions = {
        ReadPublishedKeys = { Action = ["ssm:GetParameter"], Resource = [aws_ssm_parameter.published_keys.arn] }
      }
    }
    auth-rotation = {
      description     = "Gives Secrets Manager new signing keys, and publishes their public halves."
      memory_mb       = 256
      timeout_seconds = 30
      environment = {
        JWKS_PARAMETER      = aws_ssm_parameter.published_keys.name
        TOKEN_SECONDS       = tostring(local.token_seconds)
        PUBLICATION_SECONDS = tostring(var.publication_seconds)
      }
      permissions = {
        RotateSigningKeys = {
          Action = [
            "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecretVersionStage",
          ]
          Resource = [aws_secretsmanager_secret.signing_keys.arn]
        }
        PublishKeys = { Action = ["ssm:GetParameter", "ssm:PutParameter"], Resource = [aws_ssm_parameter.published_keys.arn] }
      }
    }
  }
}

module "function" {
  source   = "../function"
  for_each = local.functions

  name_prefix     = var.name_prefix
  name            = each.key
  description     = each.value.description
  defaults        = var.function_defaults
  memory_mb       = each.value.memory_mb
  timeout_seconds = each.value.timeout_seconds
  environment     = each.value.environment
  permissions     = each.value.permissions
}
