mock_provider "aws" {
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
  function          = { name = "watcher", description = "Watches." }
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 30 }
  bucket            = { id = "a-bucket", arn = "arn:aws:s3:::a-bucket" }
  account_id        = "111122223333"
  prefix            = "incoming/"
  failure_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:failures"
}

run "only_this_bucket_of_this_account_may_invoke_and_only_the_alias" {
  assert {
    condition = (
      aws_lambda_permission.this.principal == "s3.amazonaws.com" && aws_lambda_permission.this.qualifier == "live" &&
      aws_lambda_permission.this.source_arn == "arn:aws:s3:::a-bucket" && aws_lambda_permission.this.source_account == "111122223333"
    )
    error_message = "S3 may invoke for this bucket of this account only: a bucket's name can change hands."
  }

  assert {
    condition = (
      one(aws_s3_bucket_notification.this.lambda_function).lambda_function_arn == module.function.function.arn &&
      one(aws_s3_bucket_notification.this.lambda_function).filter_prefix == "incoming/"
    )
    error_message = "Only what arrives may set off the function, by its alias."
  }
}

run "what_fails_is_tried_again_and_then_kept" {
  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.qualifier == "live" &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 &&
      one(one(aws_lambda_function_event_invoke_config.this.destination_config).on_failure).destination == var.failure_queue_arn
    )
    error_message = "An event that the function can't take must be tried twice more and then kept."
  }
}

run "the_whole_bucket_is_refused" {
  command = plan
  variables { prefix = "" }
  expect_failures = [var.prefix]
}

run "a_failure_queue_that_is_none_is_refused" {
  command = plan
  variables { failure_queue_arn = "arn:aws:sns:eu-central-1:111122223333:topic" }
  expect_failures = [var.failure_queue_arn]
}

run "an_account_that_is_none_is_refused" {
  command = plan
  variables { account_id = "me" }
  expect_failures = [var.account_id]
}
