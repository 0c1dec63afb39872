# CodeCommit repository ─ trigger ─ repository-notice ─ table of pushes

locals {
  queue_name = "${var.name_prefix}-repository-failures"
}

resource "aws_codecommit_repository" "this" {
  repository_name = "${var.name_prefix}-configuration"
  description     = "Configuration of the environment; each push is noted."
}

resource "aws_dynamodb_table" "pushes" {
  name         = "${var.name_prefix}-pushes"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "branch"
  range_key    = "push"

  attribute {
    name = "branch"
    type = "S"
  }

  attribute {
    name = "push"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  deletion_protection_enabled = !var.force_destroy
}

resource "aws_sqs_queue" "failures" {
  name                      = local.queue_name
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

module "notice" {
  source = "../triggers/codecommit"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  repository        = { name = aws_codecommit_repository.this.repository_name, arn = aws_codecommit_repository.this.arn }
  failure_queue_arn = "arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:${local.queue_name}"
  function = {
    name        = "repository-notice"
    description = "Notes who pushed what to which branch."
    environment = { TABLE = aws_dynamodb_table.pushes.name }
    permissions = {
      NotePushes = { Action = ["dynamodb:PutItem"], Resource = [aws_dynamodb_table.pushes.arn] }
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}
