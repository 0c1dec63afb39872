# repository ─ a branch is made, moved or deleted ─ one function, with one role
#                                                    └─ failed three times: failure queue, with the event and the reason

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

resource "aws_lambda_permission" "repository" {
  statement_id   = "TheRepositoryInvokes"
  action         = "lambda:InvokeFunction"
  function_name  = module.function.function.function_name
  qualifier      = module.function.function.alias
  principal      = "codecommit.amazonaws.com"
  source_arn     = var.repository.arn
  source_account = data.aws_caller_identity.current.account_id
}

# A repository has one list of triggers: another module that sets one would take this one away.
resource "aws_codecommit_trigger" "this" {
  repository_name = var.repository.name

  trigger {
    name            = var.function.name
    events          = var.events
    branches        = var.branches
    destination_arn = module.function.function.arn
  }

  depends_on = [aws_lambda_permission.repository]
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
