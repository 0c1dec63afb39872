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
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:a-topic" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:a-queue", url = "https://sqs.eu-central-1.amazonaws.com/111122223333/a-queue" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:a-group" }
  }
  mock_resource "aws_sfn_state_machine" {
    defaults = { arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:a-machine" }
  }
}

variables {
  name_prefix = "opsctl-test"
  function_defaults = {
    package_dir        = "/packages"
    runtime            = "python3.11"
    layer_arns         = ["arn:aws:lambda:eu-central-1:111122223333:layer:shared:1"]
    log_retention_days = 7
  }
}

run "both_buckets_are_private_encrypted_and_versioned" {
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "Lists and results are nobody's but ours."
  }
  assert {
    condition     = alltrue([for bucket in aws_s3_bucket_server_side_encryption_configuration.this : one(one(bucket.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"])
    error_message = "Lists and results must be encrypted at rest."
  }
  assert {
    condition     = alltrue([for bucket in aws_s3_bucket_versioning.this : one(bucket.versioning_configuration).status == "Enabled"])
    error_message = "What is written over must be kept."
  }
}

run "results_do_not_start_another_execution" {
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.list_arrived.event_pattern).detail.bucket.name == ["opsctl-test-lists-111122223333-eu-central-1"]
    error_message = "The rule must match the bucket of lists alone."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.list_arrived.event_pattern).detail.object.key == [{ prefix = "lists/incoming/" }]
    error_message = "The rule must match incoming lists alone."
  }
}

run "an_event_that_starts_nothing_is_kept" {
  assert {
    condition     = one(aws_cloudwatch_event_target.list_arrived.dead_letter_config).arn == "arn:aws:sqs:eu-central-1:111122223333:opsctl-test-list-failures"
    error_message = "What EventBridge can't deliver must end in the failure queue."
  }
  assert {
    condition     = one(jsondecode(aws_sqs_queue.failures.policy).Statement).Condition.ArnEquals["aws:SourceArn"] == "arn:aws:events:eu-central-1:111122223333:rule/opsctl-test-list-arrived"
    error_message = "Only our rule may put events aside."
  }
}

run "who_waits_for_people_is_standard_and_logs_no_token" {
  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.this : machine.type == "STANDARD"])
    error_message = "An Express machine can't wait for a token."
  }
  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.this : one(machine.logging_configuration).include_execution_data == false])
    error_message = "A task token in a log would be a leaked credential."
  }
}

run "functions_are_run_by_their_alias" {
  assert {
    condition     = alltrue([for name in ["Validate", "Transform", "Announce", "AnnounceRejection"] : endswith(jsondecode(aws_sfn_state_machine.this["lists"].definition).States[name].Arguments.FunctionName, ":live")])
    error_message = "Without the alias a deploy would change executions under way."
  }
}

run "never_more_than_five_at_once" {
  assert {
    condition     = alltrue([for name in ["CheckEntries", "ReleaseEntries"] : jsondecode(aws_sfn_state_machine.this["release"].definition).States[name].MaxConcurrency == 5])
    error_message = "The Maps must work on five entries at once at most."
  }
}

run "each_machine_may_do_what_its_states_do_and_no_more" {
  assert {
    condition     = !strcontains(aws_iam_role_policy.state_machine["lists"].policy, "dynamodb") && !strcontains(aws_iam_role_policy.state_machine["lists"].policy, "sns:")
    error_message = "The list pipeline calls its functions and the failure queue alone."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.state_machine : [
        for statement in jsondecode(policy.policy).Statement : statement.Resource != ["*"] || contains(["DeliverLogs", "SendTraces"], statement.Sid)
      ]
    ]))
    error_message = "Only logs and traces know no resources."
  }
}

run "a_minute_is_the_least_that_a_person_gets" {
  command = plan

  variables {
    approval_timeout_seconds = 59
  }
  expect_failures = [var.approval_timeout_seconds]
}
