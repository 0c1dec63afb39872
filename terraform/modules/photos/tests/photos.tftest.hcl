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
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:a-queue" }
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
}

variables {
  name_prefix = "opsctl-test"
  function_defaults = {
    package_dir        = "/packages"
    runtime            = "python3.11"
    layer_arns         = ["arn:aws:lambda:eu-central-1:111122223333:layer:opsctl-test-shared:1"]
    log_retention_days = 30
  }
  cors_origins = ["https://test.example.com"]
}

run "the_bucket_is_private_encrypted_and_versioned" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
      one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced",
    ])
    error_message = "The bucket must be private, without ACLs."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Photos must be encrypted at rest."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled"
    error_message = "A photo that is written over must be kept."
  }
}

run "only_uploads_of_this_bucket_reach_the_queue" {
  assert {
    condition     = one(aws_s3_bucket_notification.this.queue).filter_prefix == "uploads/"
    error_message = "A thumbnail that set off the worker again would never end."
  }

  assert {
    condition     = length(jsondecode(aws_sqs_queue.uploads.policy).Statement) == 1
    error_message = "Nobody but the bucket may send to the queue."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.uploads.policy).Statement[0].Condition == {
      ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::opsctl-test-photos-111122223333-eu-central-1" }
      StringEquals = { "aws:SourceAccount" = "111122223333" }
    }
    error_message = "S3 may send for this bucket of this account only."
  }
}

run "a_message_is_retried_and_then_set_aside_never_lost" {
  assert {
    condition     = jsondecode(aws_sqs_queue.uploads.redrive_policy).maxReceiveCount == 5
    error_message = "A message must be tried five times and then set aside."
  }

  assert {
    condition     = aws_sqs_queue.uploads.visibility_timeout_seconds >= 6 * local.functions["thumbnail"].timeout_seconds
    error_message = "A message must stay hidden for at least six times the worker's time-out, or it is worked on twice."
  }

  assert {
    condition     = aws_sqs_queue.dead_letters.message_retention_seconds > aws_sqs_queue.uploads.message_retention_seconds
    error_message = "SQS counts a dead letter's age from its first sending: it must be kept for longer than in the first queue."
  }
}

run "data_at_rest_is_encrypted_and_can_be_brought_back" {
  assert {
    condition = (
      aws_sqs_queue.uploads.sqs_managed_sse_enabled && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled &&
      aws_sns_topic.photos.kms_master_key_id == "alias/aws/sns" && one(aws_dynamodb_table.photos.server_side_encryption).enabled
    )
    error_message = "Queues, topic and table must be encrypted."
  }

  assert {
    condition     = one(aws_dynamodb_table.photos.point_in_time_recovery).enabled && aws_dynamodb_table.photos.deletion_protection_enabled
    error_message = "The table must have point-in-time recovery and deletion protection."
  }
}

run "each_function_may_do_what_its_code_does_and_no_more" {
  assert {
    condition     = length(distinct([for function in output.functions : function.role_name])) == length(output.functions)
    error_message = "Each function must have a role of its own."
  }

  assert {
    condition = alltrue(flatten([
      for function in local.functions : [
        for permission in function.permissions :
        alltrue([for word in concat(permission.Action, permission.Resource) : word != "*" && !endswith(word, ":*")])
      ]
    ]))
    error_message = "No action and no resource may be a wildcard."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.upload.policy).Statement : [statement.Action, statement.Resource]
    ] == [[["s3:PutObject"], "arn:aws:s3:::opsctl-test-photos-111122223333-eu-central-1/uploads/*"]]
    error_message = "The direct upload may put objects under uploads/ and nothing else."
  }

  assert {
    condition     = local.functions["thumbnail"].permissions.WriteThumbnails.Resource == ["arn:aws:s3:::opsctl-test-photos-111122223333-eu-central-1/thumbnails/*"]
    error_message = "The worker may write thumbnails only, not originals."
  }
}

run "a_wildcard_origin_is_refused" {
  command = plan
  variables { cors_origins = ["*"] }
  expect_failures = [var.cors_origins]
}

run "plain_http_origins_are_refused" {
  command = plan
  variables { cors_origins = ["http://test.example.com"] }
  expect_failures = [var.cors_origins]
}

run "no_origin_is_refused" {
  command = plan
  variables { cors_origins = [] }
  expect_failures = [var.cors_origins]
}

run "a_concurrency_that_lambda_does_not_take_is_refused" {
  command = plan
  variables { maximum_concurrency = 1 }
  expect_failures = [var.maximum_concurrency]
}

run "a_prefix_that_can_not_be_in_a_bucket_name_is_refused" {
  command = plan
  variables { name_prefix = "Opsctl_Test" }
  expect_failures = [var.name_prefix]
}
