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
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:rule/a-bus/a-rule" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  function          = { name = "listener", description = "Listens." }
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 30 }
  event_pattern     = "{\"source\":[\"orders\"]}"
  bus_name          = "opsctl-test-events"
  failure_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:failures"
}

run "only_this_rule_may_invoke_and_only_the_alias" {
  assert {
    condition     = aws_lambda_permission.this.principal == "events.amazonaws.com" && aws_lambda_permission.this.source_arn == aws_cloudwatch_event_rule.this.arn
    error_message = "EventBridge may invoke for this rule only."
  }

  assert {
    condition     = aws_lambda_permission.this.qualifier == "live" && aws_cloudwatch_event_target.this.arn == module.function.function.arn
    error_message = "The alias is what everybody calls."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this.name == "opsctl-test-listener" && aws_cloudwatch_event_rule.this.event_bus_name == "opsctl-test-events"
    error_message = "Queue policies name the rule before it is made."
  }
}

run "what_fails_is_tried_again_and_then_kept" {
  assert {
    condition     = one(aws_cloudwatch_event_target.this.dead_letter_config).arn == var.failure_queue_arn
    error_message = "An event that Lambda won't take must not be lost."
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.qualifier == "live" &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 &&
      one(one(aws_lambda_function_event_invoke_config.this.destination_config).on_failure).destination == var.failure_queue_arn
    )
    error_message = "What the function can't do must be tried twice more and then kept."
  }

  assert {
    condition     = local.failure_queue_permission.SetAsideWhatFailed.Resource == [var.failure_queue_arn]
    error_message = "Lambda sets aside by the function's role."
  }
}

run "a_pattern_without_a_source_is_refused" {
  command = plan
  variables {
    event_pattern = "{\"detail-type\":[\"order.placed\"]}"
  }
  expect_failures = [var.event_pattern]
}

run "a_topic_is_no_failure_queue" {
  command = plan
  variables {
    failure_queue_arn = "arn:aws:sns:eu-central-1:111122223333:failures"
  }
  expect_failures = [var.failure_queue_arn]
}
