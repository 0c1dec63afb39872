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
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:a-queue", url = "https://sqs.eu-central-1.amazonaws.com/111122223333/a-queue" }
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
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:a-group" }
  }
  mock_resource "aws_sfn_state_machine" {
    defaults = { arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:a-machine" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = ["arn:aws:lambda:eu-central-1:111122223333:layer:shared:1"], log_retention_days = 30 }
  bus               = { name = "opsctl-test-events", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/opsctl-test-events" }
  photos = {
    bucket    = { id = "photos", arn = "arn:aws:s3:::photos" }
    topic_arn = "arn:aws:sns:eu-central-1:111122223333:photo-ready"
  }
}

run "the_bucket_is_private_encrypted_versioned_and_reached_by_tls_only" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "The bucket must be private."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Images must be encrypted at rest."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled"
    error_message = "An image that is written over must be kept."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Condition == { Bool = { "aws:SecureTransport" = "false" } }
    error_message = "Plain HTTP must be refused."
  }
}

run "data_at_rest_is_encrypted_and_can_be_brought_back" {
  assert {
    condition = (
      aws_sqs_queue.requests.sqs_managed_sse_enabled && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled && aws_sqs_queue.failures.sqs_managed_sse_enabled &&
      aws_sns_topic.results.kms_master_key_id == "alias/aws/sns" && one(aws_dynamodb_table.images.server_side_encryption).enabled
    )
    error_message = "Queues, topic and table must be encrypted."
  }

  assert {
    condition     = one(aws_dynamodb_table.images.point_in_time_recovery).enabled && aws_dynamodb_table.images.deletion_protection_enabled
    error_message = "The table must have point-in-time recovery and deletion protection."
  }
}

run "each_function_reaches_just_its_own_prefixes" {
  assert {
    condition = jsonencode({
      for name, function in local.functions : name => sort(distinct(flatten([
        for permission in function.permissions : permission.Resource if length(setintersection(permission.Action, ["s3:GetObject"])) > 0
      ])))
      }) == jsonencode({
      image-validate = ["arn:aws:s3:::opsctl-test-images-111122223333-eu-central-1/incoming/*", "arn:aws:s3:::photos/uploads/*"]
      image-resize   = ["arn:aws:s3:::opsctl-test-images-111122223333-eu-central-1/incoming/*", "arn:aws:s3:::photos/uploads/*"]
      image-filter   = ["arn:aws:s3:::opsctl-test-images-111122223333-eu-central-1/incoming/*", "arn:aws:s3:::photos/uploads/*"]
      image-optimise = ["arn:aws:s3:::opsctl-test-images-111122223333-eu-central-1/work/*"]
    })
    error_message = "A function may read what it works on, and nothing else."
  }

  assert {
    condition = jsonencode({
      for name, function in local.functions : name => sort(distinct(flatten([
        for permission in function.permissions : permission.Resource if length(setintersection(permission.Action, ["s3:PutObject"])) > 0
      ])))
      }) == jsonencode({
      image-validate = []
      image-resize   = ["arn:aws:s3:::opsctl-test-images-111122223333-eu-central-1/work/*"]
      image-filter   = ["arn:aws:s3:::opsctl-test-images-111122223333-eu-central-1/work/*"]
      image-optimise = ["arn:aws:s3:::opsctl-test-images-111122223333-eu-central-1/images/*", "arn:aws:s3:::opsctl-test-images-111122223333-eu-central-1/photos/*"]
    })
    error_message = "Nobody may write to incoming/: that would set off the state machine for ever."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.state_machine.policy).Statement : [
        for action in statement.Action : !endswith(action, "*") && (statement.Resource != ["*"] || contains(["DeliverLogs", "SendTraces"], statement.Sid))
      ]
    ]))
    error_message = "No action and no resource of the state machine may be a wildcard; log delivery and X-Ray have no resources to name."
  }
}

run "the_state_machine_is_express_logged_and_traced" {
  assert {
    condition = (
      aws_sfn_state_machine.this.type == "EXPRESS" && one(aws_sfn_state_machine.this.tracing_configuration).enabled &&
      one(aws_sfn_state_machine.this.logging_configuration).level == "ALL" && one(aws_sfn_state_machine.this.logging_configuration).include_execution_data
    )
    error_message = "An Express workflow has no other history than its log."
  }

  assert {
    condition = alltrue([
      for state in [
        jsondecode(aws_sfn_state_machine.this.definition).States["Validate"],
        jsondecode(aws_sfn_state_machine.this.definition).States["Make versions"].Branches[0].States["Resize"],
        jsondecode(aws_sfn_state_machine.this.definition).States["Make versions"].Branches[1].States["Apply filters"],
        jsondecode(aws_sfn_state_machine.this.definition).States["Optimise"],
      ] : [for retrier in state.Retry : [retrier.IntervalSeconds, retrier.MaxAttempts, retrier.BackoffRate] if contains(retrier.ErrorEquals, "States.TaskFailed")] == [[3, 2, 1.5]]
    ])
    error_message = "A failed task is tried twice more, after 3 s and half as long again."
  }

  assert {
    condition     = !strcontains(aws_sfn_state_machine.this.definition, ":::dynamodb:putItem") && jsondecode(aws_sfn_state_machine.this.definition).TimeoutSeconds < aws_sqs_queue.requests.visibility_timeout_seconds
    error_message = "A request must stay hidden for longer than its execution can take, or it is worked on twice."
  }
}

run "requests_come_from_the_photos_topic_and_go_to_the_state_machine_one_by_one" {
  assert {
    condition = jsondecode(aws_sqs_queue.requests.policy).Statement[0].Condition == {
      ArnEquals    = { "aws:SourceArn" = "arn:aws:sns:eu-central-1:111122223333:photo-ready" }
      StringEquals = { "aws:SourceAccount" = "111122223333" }
    }
    error_message = "Only the photos' topic may announce."
  }

  assert {
    condition = (
      one(one(aws_pipes_pipe.requests.target_parameters).step_function_state_machine_parameters).invocation_type == "REQUEST_RESPONSE" &&
      one(one(aws_pipes_pipe.requests.source_parameters).sqs_queue_parameters).batch_size == 1
    )
    error_message = "A message may be deleted once its own execution has ended well, not before."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.requests.redrive_policy).maxReceiveCount == 3 && aws_sqs_queue.dead_letters.message_retention_seconds > aws_sqs_queue.requests.message_retention_seconds
    error_message = "A request is tried three times, and kept for longer as a dead letter."
  }
}

run "a_prefix_that_can_not_be_in_a_bucket_name_is_refused" {
  command = plan
  variables { name_prefix = "Opsctl_Test" }
  expect_failures = [var.name_prefix]
}
