# topic ─ each message by itself ─ one function, with one role
#                                   └─ failed three times: failure queue, with the message and the reason

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
    KeepWhatFailed = { Action = ["sqs:SendMessage"], Resource = [var.failure_queue_arn] }
  })
}

resource "aws_lambda_permission" "topic" {
  statement_id   = "TheTopicInvokes"
  action         = "lambda:InvokeFunction"
  function_name  = module.function.function.function_name
  qualifier      = module.function.function.alias
  principal      = "sns.amazonaws.com"
  source_arn     = var.topic_arn
  source_account = data.aws_caller_identity.current.account_id
}

resource "aws_sns_topic_subscription" "this" {
  topic_arn     = var.topic_arn
  protocol      = "lambda"
  endpoint      = module.function.function.arn
  filter_policy = var.filter_policy == null ? null : jsonencode(var.filter_policy)

  depends_on = [aws_lambda_permission.topic]
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

data "aws_caller_identity" "current" {}
