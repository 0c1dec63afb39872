# bus ─ rule ─ one function, with one role; what fails ─ failure queue

locals {
  failure_queue_permission = {
    SetAsideWhatFailed = { Action = ["sqs:SendMessage"], Resource = [var.failure_queue_arn] }
  }
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
  permissions     = merge(var.function.permissions, local.failure_queue_permission)
}

resource "aws_cloudwatch_event_rule" "this" {
  name           = "${var.name_prefix}-${var.function.name}"
  description    = var.function.description
  event_bus_name = var.bus_name
  event_pattern  = var.event_pattern
}

resource "aws_cloudwatch_event_target" "this" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = var.bus_name
  target_id      = var.function.name
  arn            = module.function.function.arn

  # While Lambda can't take an event: its own retries, below, begin once it has.
  retry_policy {
    maximum_event_age_in_seconds = var.maximum_event_age_seconds
    maximum_retry_attempts       = 185 # all that EventBridge makes
  }

  dead_letter_config {
    arn = var.failure_queue_arn
  }
}

resource "aws_lambda_permission" "this" {
  statement_id  = "EventBridgeRule"
  action        = "lambda:InvokeFunction"
  function_name = module.function.function.function_name
  qualifier     = module.function.function.alias
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = module.function.function.function_name
  qualifier                    = module.function.function.alias
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = var.maximum_event_age_seconds

  destination_config {
    on_failure {
      destination = var.failure_queue_arn
    }
  }
}
