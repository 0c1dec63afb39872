# bucket/prefix ─ s3:ObjectCreated ─ one function, with one role; what fails ─ failure queue

module "function" {
  source = "../../function"

  name_prefix     = var.name_prefix
  name            = var.function.name
  description     = var.function.description
  defaults        = var.function_defaults
  memory_mb       = var.function.memory_mb
  timeout_seconds = var.function.timeout_seconds
  environment     = var.function.environment
  permissions = merge(var.function.permissions, {
    SetAsideWhatFailed = { Action = ["sqs:SendMessage"], Resource = [var.failure_queue_arn] }
  })
}

# A bucket has one notification configuration: a second resource, here or elsewhere, would silently replace this one.
resource "aws_s3_bucket_notification" "this" {
  bucket = var.bucket.id

  lambda_function {
    id                  = var.function.name
    lambda_function_arn = module.function.function.arn
    events              = var.events
    filter_prefix       = var.prefix
  }

  depends_on = [aws_lambda_permission.this]
}

# A bucket's ARN names no account: without one, whoever gets the name of a deleted bucket could call the function.
resource "aws_lambda_permission" "this" {
  statement_id   = "S3Bucket"
  action         = "lambda:InvokeFunction"
  function_name  = module.function.function.function_name
  qualifier      = module.function.function.alias
  principal      = "s3.amazonaws.com"
  source_arn     = var.bucket.arn
  source_account = var.account_id
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = module.function.function.function_name
  qualifier                    = module.function.function.alias
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 6 * 3600

  destination_config {
    on_failure {
      destination = var.failure_queue_arn
    }
  }
}
