mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
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
  mock_resource "aws_cloudwatch_event_bus" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:event-bus/a-bus" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:rule/a-bus/a-rule" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:a-queue" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a-table" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 30 }
  sender            = "orders@test.example.com"
}

run "one_event_goes_to_several_consumers_each_with_retries_and_a_dead_letter_queue" {
  assert {
    condition     = toset(keys(aws_cloudwatch_event_target.order_confirmed)) == toset(["queue", "log"])
    error_message = "A confirmed order goes to the audit's queue and to the log."
  }

  assert {
    condition = alltrue([
      for target in aws_cloudwatch_event_target.order_confirmed :
      one(target.dead_letter_config).arn == "arn:aws:sqs:eu-central-1:111122223333:opsctl-test-event-failures" &&
      one(target.retry_policy).maximum_retry_attempts == 185
    ])
    error_message = "What a target won't take must not be lost."
  }
}

run "only_these_rules_write_into_the_queues_and_the_log" {
  assert {
    condition = alltrue([
      for policy in [jsondecode(aws_sqs_queue.order_events.policy), jsondecode(aws_sqs_queue.failures.policy)] : alltrue([
        for statement in policy.Statement :
        statement.Principal == { Service = "events.amazonaws.com" } && statement.Condition.StringEquals["aws:SourceAccount"] == "111122223333" &&
        alltrue([for rule in flatten([statement.Condition.ArnEquals["aws:SourceArn"]]) : startswith(rule, "arn:aws:events:eu-central-1:111122223333:rule/opsctl-test-events/opsctl-test-")])
      ])
    ])
    error_message = "No other rule, and nobody else's, may send."
  }

  assert {
    condition     = startswith(aws_cloudwatch_log_group.events.name, "/aws/events/") && jsondecode(aws_cloudwatch_log_resource_policy.events.policy_document).Statement[0].Condition.ArnEquals["aws:SourceArn"] == "arn:aws:events:eu-central-1:111122223333:rule/opsctl-test-events/opsctl-test-order-confirmed"
    error_message = "EventBridge writes below /aws/events/ only, and only for this rule."
  }
}

run "queues_and_tables_are_encrypted_and_the_bus_can_be_replayed" {
  assert {
    condition     = aws_sqs_queue.order_events.sqs_managed_sse_enabled && aws_sqs_queue.failures.sqs_managed_sse_enabled && one(aws_dynamodb_table.mails.server_side_encryption).enabled
    error_message = "Everything that is kept must be encrypted."
  }

  assert {
    condition     = aws_cloudwatch_event_archive.this.retention_days == 30 && aws_dynamodb_table.mails.deletion_protection_enabled
    error_message = "Events must be kept for a replay, and the note of sent letters must not be destroyed."
  }
}

run "letters_come_from_a_mailbox" {
  command = plan
  variables {
    sender = "nobody"
  }
  expect_failures = [var.sender]
}

run "an_archive_for_ever_is_refused" {
  command = plan
  variables {
    archive_days = 0
  }
  expect_failures = [var.archive_days]
}
