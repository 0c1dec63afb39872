# EventBridge Scheduler ─ one function, with one role
#        │                     └─ failed three times ─┐
#        └─ could not call it within its retries ─────┴─ failure queue, with the event and the reason

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

locals {
  name = "${var.name_prefix}-${var.function.name}"
}

# A group of its own: the role can be tied to it, and it has metrics of its own.
resource "aws_scheduler_schedule_group" "this" {
  name = local.name
}

resource "aws_scheduler_schedule" "this" {
  name                         = local.name
  group_name                   = aws_scheduler_schedule_group.this.name
  description                  = var.function.description
  schedule_expression          = var.expression
  schedule_expression_timezone = var.timezone
  state                        = var.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode                      = var.flexible_minutes == 0 ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = var.flexible_minutes == 0 ? null : var.flexible_minutes
  }

  target {
    arn      = module.function.function.arn
    role_arn = aws_iam_role.schedule.arn
    # What stands in angle brackets Scheduler fills in; jsonencode would write it as \u003c.
    input = replace(replace(jsonencode(merge(var.input, {
      schedule_arn   = "<aws.scheduler.schedule-arn>"
      scheduled_time = "<aws.scheduler.scheduled-time>"
      execution_id   = "<aws.scheduler.execution-id>"
      attempt_number = "<aws.scheduler.attempt-number>"
    })), "\\u003c", "<"), "\\u003e", ">")

    retry_policy {
      maximum_retry_attempts       = var.retries
      maximum_event_age_in_seconds = var.maximum_event_age_seconds
    }

    dead_letter_config {
      arn = var.failure_queue_arn
    }
  }
}

resource "aws_iam_role" "schedule" {
  name = "${local.name}-schedule"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
          "aws:SourceArn"     = aws_scheduler_schedule_group.this.arn
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name = "work"
  role = aws_iam_role.schedule.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "CallTheFunction", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [module.function.function.arn] },
      { Sid = "KeepWhatFailed", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [var.failure_queue_arn] },
    ]
  })
}

data "aws_caller_identity" "current" {}
