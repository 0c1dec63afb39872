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
  mock_resource "aws_scheduler_schedule_group" {
    defaults = { arn = "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/opsctl-test-worker" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  expression        = "rate(5 minutes)"
  failure_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:failures"
  function          = { name = "worker", description = "Works." }
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 7 }
}

run "the_schedule_calls_the_alias_by_a_role_that_may_do_no_more" {
  assert {
    condition     = one(aws_scheduler_schedule.this.target).arn == "arn:aws:lambda:eu-central-1:111122223333:function:a-function:live"
    error_message = "The alias must be called."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.schedule.policy).Statement : [statement.Action, statement.Resource]] == [
      [["lambda:InvokeFunction"], ["arn:aws:lambda:eu-central-1:111122223333:function:a-function:live"]],
      [["sqs:SendMessage"], ["arn:aws:sqs:eu-central-1:111122223333:failures"]],
    ]
    error_message = "The schedule's role may call its function and keep what failed, no more."
  }

  assert {
    condition = jsondecode(aws_iam_role.schedule.assume_role_policy).Statement[0].Condition.StringEquals == {
      "aws:SourceAccount" = "111122223333"
      "aws:SourceArn"     = "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/opsctl-test-worker"
    }
    error_message = "Only this account's own schedule group may take the role."
  }
}

run "what_fails_is_tried_again_and_kept_wherever_it_fails" {
  assert {
    condition = (
      one(one(aws_scheduler_schedule.this.target).retry_policy).maximum_retry_attempts == 3 &&
      one(one(aws_scheduler_schedule.this.target).dead_letter_config).arn == var.failure_queue_arn &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 &&
      one(one(aws_lambda_function_event_invoke_config.this.destination_config).on_failure).destination == var.failure_queue_arn
    )
    error_message = "Both Scheduler and Lambda must try again and keep what failed."
  }
}

run "the_function_is_told_which_run_it_is" {
  assert {
    condition     = strcontains(one(aws_scheduler_schedule.this.target).input, "\"execution_id\":\"<aws.scheduler.execution-id>\"")
    error_message = "Scheduler fills in what stands in angle brackets; it must be written as it is."
  }
}

run "a_window_of_no_minutes_is_off" {
  assert {
    condition     = one(aws_scheduler_schedule.this.flexible_time_window).mode == "OFF"
    error_message = "It must run at once."
  }
}

run "a_window_is_kept" {
  variables { flexible_minutes = 15 }
  assert {
    condition     = one(aws_scheduler_schedule.this.flexible_time_window).mode == "FLEXIBLE" && one(aws_scheduler_schedule.this.flexible_time_window).maximum_window_in_minutes == 15
    error_message = "It may run within 15 minutes."
  }
}

run "an_expression_of_scheduled_rules_only_is_refused" {
  command = plan
  variables { expression = "every 5 minutes" }
  expect_failures = [var.expression]
}

run "more_retries_than_scheduler_makes_are_refused" {
  command = plan
  variables { retries = 186 }
  expect_failures = [var.retries]
}

run "a_window_longer_than_a_day_is_refused" {
  command = plan
  variables { flexible_minutes = 1441 }
  expect_failures = [var.flexible_minutes]
}

run "an_age_that_scheduler_does_not_take_is_refused" {
  command = plan
  variables { maximum_event_age_seconds = 30 }
  expect_failures = [var.maximum_event_age_seconds]
}

run "without_a_queue_for_failures_it_is_refused" {
  command = plan
  variables { failure_queue_arn = "" }
  expect_failures = [var.failure_queue_arn]
}
