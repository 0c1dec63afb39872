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
  mock_resource "aws_kinesis_stream" {
    defaults = { arn = "arn:aws:kinesis:eu-central-1:111122223333:stream/orders" }
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
  orders_stream_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders/stream/2026-11-21T18:00:00.000"
}

run "stream_bucket_queues_and_tables_are_encrypted_and_private" {
  assert {
    condition     = aws_kinesis_stream.orders.encryption_type == "KMS" && aws_sqs_queue.shipments.sqs_managed_sse_enabled && aws_sqs_queue.pipe_failures.sqs_managed_sse_enabled
    error_message = "What is on its way must be encrypted."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.failures.block_public_acls,
      aws_s3_bucket_public_access_block.failures.block_public_policy,
      aws_s3_bucket_public_access_block.failures.ignore_public_acls,
      aws_s3_bucket_public_access_block.failures.restrict_public_buckets,
    ])
    error_message = "Failures hold customers' orders: the bucket must be private."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : one(table.server_side_encryption).enabled && table.deletion_protection_enabled])
    error_message = "Tables must be encrypted, and not be destroyed."
  }
}

run "an_orders_changes_stay_in_one_shard_and_no_pipe_lets_a_later_one_pass" {
  assert {
    condition     = one(one(aws_pipes_pipe.order_changes.target_parameters).kinesis_stream_parameters).partition_key == "$.dynamodb.NewImage.transaction_id.S"
    error_message = "The partition key must be the order, out of the record."
  }

  assert {
    condition     = one(one(aws_pipes_pipe.order_changes.source_parameters).dynamodb_stream_parameters).maximum_retry_attempts == -1 && one(one(aws_pipes_pipe.shipments.source_parameters).kinesis_stream_parameters).maximum_retry_attempts == -1
    error_message = "A pipe must wait for a target that is throttled."
  }
}

run "the_template_uses_no_field_that_the_filter_lets_be_missing" {
  assert {
    condition = toset([
      for path in regexall("<\\$\\.dynamodb\\.NewImage\\.([a-z_]+)\\.", one(aws_pipes_pipe.order_changes.target_parameters).input_template) : path[0]
    ]) == toset(keys(jsondecode(one(one(one(aws_pipes_pipe.order_changes.source_parameters).filter_criteria).filter).pattern).dynamodb.NewImage))
    error_message = "A field that is missing would make the template no JSON."
  }
}

run "a_pipe_is_only_itself_and_does_only_its_work" {
  assert {
    condition = alltrue([
      for name, role in aws_iam_role.pipe :
      jsondecode(role.assume_role_policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == "arn:aws:pipes:eu-central-1:111122223333:pipe/opsctl-test-${name}"
    ])
    error_message = "No other pipe may take the role."
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.pipe : [
        for statement in jsondecode(policy.policy).Statement : statement.Resource != "*" || alltrue([for action in statement.Action : endswith(action, ":ListStreams")])
      ]
    ]))
    error_message = "A pipe's role must name what it touches."
  }
}

run "two_consumers_read_the_stream_each_by_itself" {
  assert {
    condition     = toset(keys(module.kinesis_consumer)) == toset(["order-audit", "order-totals"])
    error_message = "Two consumers read the stream."
  }
}

run "an_odd_stream_is_refused" {
  command = plan
  variables {
    orders_stream_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders"
  }
  expect_failures = [var.orders_stream_arn]
}
