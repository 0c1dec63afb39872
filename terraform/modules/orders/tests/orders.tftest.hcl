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
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:a-queue", url = "https://sqs/a-queue" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/a-role" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:a-function:live" }
  }
  mock_resource "aws_lambda_function_url" {
    defaults = { function_url = "https://abc.lambda-url.eu-central-1.on.aws/" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:a-topic" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a-table" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:a-group" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 7 }
  event_bus         = { name = "opsctl-test-events", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/opsctl-test-events" }
  payment_provider  = { url = "https://pay.example.com/v1", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:pay" }
}

run "each_queue_hears_its_own_events_from_the_topic_and_from_nobody_else" {
  assert {
    condition = (
      jsondecode(aws_sns_topic_subscription.queue["payments"].filter_policy).event == ["stock.reserved"] &&
      jsondecode(aws_sns_topic_subscription.queue["notices"].filter_policy).event == ["order.placed", "order.rejected"] &&
      alltrue([for subscription in aws_sns_topic_subscription.queue : subscription.raw_message_delivery])
    )
    error_message = "Payments must hear of reserved stock only, and messages must be the events themselves."
  }

  assert {
    condition = alltrue([
      for queue in aws_sqs_queue.this : jsondecode(queue.policy).Statement[0].Condition == {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:sns:eu-central-1:111122223333:opsctl-test-order-events" }
        StringEquals = { "aws:SourceAccount" = "111122223333" }
      } && length(jsondecode(queue.policy).Statement) == 1
    ])
    error_message = "Only the topic of this account may send to the queues."
  }
}

run "a_message_is_retried_and_then_set_aside_never_lost" {
  assert {
    condition = alltrue([
      for name, queue in aws_sqs_queue.this :
      jsondecode(queue.redrive_policy).maxReceiveCount == 5 && queue.visibility_timeout_seconds >= 60 &&
      aws_sqs_queue.dead_letters[name].message_retention_seconds > queue.message_retention_seconds
    ])
    error_message = "Each queue needs a dead-letter queue that keeps letters longer, and hides a message for six times the function's time-out."
  }

  assert {
    condition     = alltrue([for name, state in jsondecode(aws_sfn_state_machine.saga.definition).States : one([for catcher in state.Catch : catcher if contains(catcher.ErrorEquals, "States.ALL")]) != null && length(state.Retry) > 0 if state.Type == "Task" && name != "SetAside"])
    error_message = "Every step of the saga must be retried, and what fails for good must go somewhere."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.saga.definition).States.Cancel.Catch[0].Next == "SetAside" && jsondecode(aws_sfn_state_machine.saga.definition).States.Refund.Catch[0].Next == "SetAside"
    error_message = "A compensation that fails for good must be set aside."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.saga.definition).States.Refund.Retry[0].MaxAttempts > jsondecode(aws_sfn_state_machine.saga.definition).States.Charge.Retry[0].MaxAttempts
    error_message = "A refund must be tried longer than a charge."
  }
}

run "data_at_rest_is_encrypted_and_can_be_brought_back" {
  assert {
    condition = (
      alltrue([for queue in concat(values(aws_sqs_queue.this), values(aws_sqs_queue.dead_letters), [aws_sqs_queue.inventory_failures]) : queue.sqs_managed_sse_enabled]) &&
      alltrue([for topic in aws_sns_topic.this : topic.kms_master_key_id == "alias/aws/sns"]) &&
      alltrue([for table in aws_dynamodb_table.this : one(table.server_side_encryption).enabled && one(table.point_in_time_recovery).enabled && table.deletion_protection_enabled])
    )
    error_message = "Queues, topics and tables must be encrypted, and tables recoverable."
  }

  assert {
    condition     = aws_dynamodb_table.this["orders"].stream_view_type == "NEW_AND_OLD_IMAGES" && !aws_dynamodb_table.this["stock"].stream_enabled
    error_message = "The orders' table must have a stream."
  }
}

run "the_saga_may_take_its_steps_and_nothing_else" {
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.saga.policy).Statement :
      statement.Resource != ["*"] || statement.Sid == "DeliverLogsAndTraces"
    ])
    error_message = "Only log delivery and X-Ray have no resources to name."
  }

  assert {
    condition     = jsondecode(aws_iam_role.saga.assume_role_policy).Statement[0].Condition.StringEquals == { "aws:SourceAccount" = "111122223333" }
    error_message = "Step Functions may take the role for this account only."
  }

  assert {
    condition     = one(aws_sfn_state_machine.saga.logging_configuration).include_execution_data == false
    error_message = "Orders name people: they don't belong into logs."
  }
}

run "a_real_provider_leaves_no_sandbox" {
  assert {
    condition     = length(aws_lambda_function_url.sandbox) + length(aws_dynamodb_table.sandbox) == 0
    error_message = "Where there is a provider there must be no sandbox."
  }
}

run "the_sandbox_is_not_public" {
  variables {
    payment_sandbox  = true
    payment_provider = null
  }

  assert {
    condition     = one(aws_lambda_function_url.sandbox).authorization_type == "AWS_IAM" && one(aws_lambda_function_url.sandbox).qualifier == "live"
    error_message = "The sandbox's URL must ask for a signature."
  }
}

run "no_provider_at_all_is_refused" {
  command = plan
  variables { payment_provider = null }
  expect_failures = [var.payment_provider]
}

run "a_provider_beside_the_sandbox_is_refused" {
  command = plan
  variables { payment_sandbox = true }
  expect_failures = [var.payment_provider]
}

run "a_provider_without_tls_is_refused" {
  command = plan
  variables { payment_provider = { url = "http://pay.example.com", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:pay" } }
  expect_failures = [var.payment_provider]
}

run "a_refund_that_gives_up_before_a_charge_is_refused" {
  command = plan
  variables { payment_retry = { interval_seconds = 5, attempts = 6, refund_attempts = 3 } }
  expect_failures = [var.payment_retry]
}

run "a_breaker_that_never_opens_is_refused" {
  command = plan
  variables { breaker = { failures = 0, cool_down_seconds = 30 } }
  expect_failures = [var.breaker]
}
