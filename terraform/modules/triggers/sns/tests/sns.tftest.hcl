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
  topic_arn         = "arn:aws:sns:eu-central-1:111122223333:a-topic"
  failure_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:failures"
  filter_policy     = { event = ["order.placed"] }
  function          = { name = "worker", description = "Works." }
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 7 }
}

run "only_this_topic_of_this_account_may_invoke_the_alias" {
  assert {
    condition = (
      aws_lambda_permission.topic.source_arn == "arn:aws:sns:eu-central-1:111122223333:a-topic" &&
      aws_lambda_permission.topic.source_account == "111122223333" && aws_lambda_permission.topic.qualifier == "live" &&
      aws_lambda_permission.topic.principal == "sns.amazonaws.com"
    )
    error_message = "SNS may invoke for this topic of this account only, and only the alias."
  }

  assert {
    condition     = endswith(aws_sns_topic_subscription.this.endpoint, ":live") && jsondecode(aws_sns_topic_subscription.this.filter_policy).event == ["order.placed"]
    error_message = "The alias must be subscribed, and get what the filter lets through."
  }
}

run "what_fails_three_times_is_kept" {
  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.this.qualifier == "live" &&
      one(one(aws_lambda_function_event_invoke_config.this.destination_config).on_failure).destination == "arn:aws:sqs:eu-central-1:111122223333:failures"
    )
    error_message = "An event must be tried three times and then go to the failure queue."
  }
}

run "without_a_queue_for_failures_it_is_refused" {
  command = plan
  variables { failure_queue_arn = "arn:aws:sns:eu-central-1:111122223333:nobody-listens" }
  expect_failures = [var.failure_queue_arn]
}

run "a_filter_that_never_matches_is_refused" {
  command = plan
  variables { filter_policy = { event = [] } }
  expect_failures = [var.filter_policy]
}
