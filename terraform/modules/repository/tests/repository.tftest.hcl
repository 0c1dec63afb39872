mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/a-role" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:a-function:live" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:a-group" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a-table" }
  }
  mock_resource "aws_codecommit_repository" {
    defaults = { arn = "arn:aws:codecommit:eu-central-1:111122223333:notes" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 7 }
}

run "what_is_noted_is_encrypted_and_can_be_brought_back" {
  assert {
    condition = (
      one(aws_dynamodb_table.pushes.server_side_encryption).enabled && one(aws_dynamodb_table.pushes.point_in_time_recovery).enabled &&
      aws_dynamodb_table.pushes.deletion_protection_enabled && aws_sqs_queue.failures.sqs_managed_sse_enabled
    )
    error_message = "The table must be encrypted, recoverable and protected, the queue encrypted."
  }
}

run "the_queue_of_failures_is_the_one_that_the_trigger_names" {
  assert {
    condition     = aws_sqs_queue.failures.name == "opsctl-test-repository-failures"
    error_message = "The queue's ARN is said rather than referred to: its name must be that one."
  }
}
