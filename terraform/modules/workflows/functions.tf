locals {
  functions = {
    list-validate = {
      description     = "Reads a list and refuses a wrong one."
      memory_mb       = 256
      timeout_seconds = 15
      environment     = {}
      permissions = {
        ReadLists = { Action = ["s3:GetObject"], Resource = ["${local.bucket_arns.lists}/lists/incoming/*"] }
      }
    }
    list-transform = {
      description     = "Turns a checked list into its result."
      memory_mb       = 256
      timeout_seconds = 20
      environment     = { RESULTS_BUCKET = local.bucket_names.results }
      permissions = {
        ReadLists    = { Action = ["s3:GetObject"], Resource = ["${local.bucket_arns.lists}/lists/incoming/*"] }
        WriteResults = { Action = ["s3:PutObject"], Resource = ["${local.bucket_arns.results}/lists/results/*"] }
      }
    }
    list-notify = {
      description     = "Announces what became of a list, once."
      memory_mb       = 256
      timeout_seconds = 10
      environment     = { TOPIC_ARN = aws_sns_topic.this.arn, NOTICES_TABLE = local.table_names.notices }
      permissions = {
        Announce            = { Action = ["sns:Publish"], Resource = [aws_sns_topic.this.arn] }
        RememberWhatWasSaid = { Action = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], Resource = [local.table_arns.notices] }
      }
    }
    approval-check = {
      description     = "Checks one entry before a person is asked."
      memory_mb       = 256
      timeout_seconds = 10
      environment     = {}
      permissions     = {}
    }
    approval-answer = {
      description     = "Hands a person's answer to the execution that waits for it."
      memory_mb       = 256
      timeout_seconds = 10
      environment     = { APPROVALS_TABLE = local.table_names.approvals }
      permissions = {
        KeepDecisions = { Action = ["dynamodb:GetItem", "dynamodb:UpdateItem"], Resource = [local.table_arns.approvals] }
        Answer        = { Action = ["states:SendTaskSuccess", "states:SendTaskFailure"], Resource = ["*"] } # they know no resources: the task's token says which
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
