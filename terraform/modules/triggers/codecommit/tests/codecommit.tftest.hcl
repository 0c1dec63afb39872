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
}

variables {
  name_prefix       = "opsctl-test"
  repository        = { name = "notes", arn = "arn:aws:codecommit:eu-central-1:111122223333:notes" }
  failure_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:failures"
  function          = { name = "worker", description = "Works." }
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 7 }
}

run "only_this_repository_of_this_account_may_invoke_the_alias" {
  assert {
    condition = (
      aws_lambda_permission.repository.source_arn == "arn:aws:codecommit:eu-central-1:111122223333:notes" &&
      aws_lambda_permission.repository.source_account == "111122223333" && aws_lambda_permission.repository.qualifier == "live" &&
      aws_lambda_permission.repository.principal == "codecommit.amazonaws.com"
    )
    error_message = "CodeCommit may invoke for this repository of this account only, and only the alias."
  }

  assert {
    condition     = endswith(one(aws_codecommit_trigger.this.trigger).destination_arn, ":live") && join(",", one(aws_codecommit_trigger.this.trigger).events) == "all"
    error_message = "The alias must be called for every change."
  }
}

run "what_fails_three_times_is_kept" {
  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 &&
      one(one(aws_lambda_function_event_invoke_config.this.destination_config).on_failure).destination == "arn:aws:sqs:eu-central-1:111122223333:failures"
    )
    error_message = "An event must be tried three times and then go to the failure queue."
  }
}

run "an_event_that_codecommit_does_not_know_is_refused" {
  command = plan
  variables { events = ["push"] }
  expect_failures = [var.events]
}

run "more_branches_than_codecommit_takes_are_refused" {
  command = plan
  variables { branches = [for number in range(11) : "b${number}"] }
  expect_failures = [var.branches]
}

run "without_a_queue_for_failures_it_is_refused" {
  command = plan
  variables { failure_queue_arn = "" }
  expect_failures = [var.failure_queue_arn]
}
