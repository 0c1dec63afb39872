locals {
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
    }
  }
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name_prefix}-${each.key}"
  retention_in_days = var.log_retention_days
}

# Shape is ours; code and the version that `live` points at belong to `opsctl deploy function`, as in modules/photos.
resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name = "${var.name_prefix}-${each.key}"
  description   = each.value.description
  role          = aws_iam_role.function[each.key].arn
  runtime       = var.function_runtime
  architectures = ["x86_64"]
  handler       = "handler.handler"
  filename      = "${var.package_dir}/${each.key}.zip"
  memory_size   = each.value.memory_mb
  timeout       = each.value.timeout_seconds
  publish       = true

  environment {
    variables = merge(each.value.environment, {
      POWERTOOLS_SERVICE_NAME = each.key
      POWERTOOLS_LOG_LEVEL    = "INFO"
    })
  }

  tracing_config {
    mode = "Active"
  }

  lifecycle {
    ignore_changes = [filename, source_code_hash, s3_bucket, s3_key, s3_object_version]
  }

  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function]
}

resource "aws_lambda_alias" "live" {
  for_each = aws_lambda_function.this

  name             = "live"
  function_name    = each.value.function_name
  function_version = each.value.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}
