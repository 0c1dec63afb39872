# queue ─ batches of up to 10, each message answered for alone ─ one function, with one role

locals {
  permissions = merge(var.function.permissions, {
    TakeMessages = { Action = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], Resource = [var.queue_arn], Condition = null }
  })
}

module "function" {
  source = "../../function"

  name_prefix     = var.name_prefix
  name            = var.function.name
  description     = var.function.description
  defaults        = var.function_defaults
  memory_mb       = var.function.memory_mb
  timeout_seconds = var.function.timeout_seconds
  environment     = var.function.environment
  permissions     = local.permissions
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn        = var.queue_arn
  function_name           = module.function.function.arn
  batch_size              = var.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
}
