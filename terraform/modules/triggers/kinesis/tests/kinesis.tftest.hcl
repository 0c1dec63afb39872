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
  name_prefix        = "opsctl-test"
  function           = { name = "reader", description = "Reads." }
  function_defaults  = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 30 }
  stream_arn         = "arn:aws:kinesis:eu-central-1:111122223333:stream/orders"
  failure_bucket_arn = "arn:aws:s3:::failures"
}

run "a_poison_record_does_not_stop_its_shard" {
  assert {
    condition = (
      aws_lambda_event_source_mapping.this.bisect_batch_on_function_error &&
      aws_lambda_event_source_mapping.this.maximum_retry_attempts == 3 &&
      aws_lambda_event_source_mapping.this.maximum_record_age_in_seconds == 21600 &&
      aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
    )
    error_message = "A batch that fails must be halved, and its records must not be tried for ever."
  }

  assert {
    condition     = one(one(aws_lambda_event_source_mapping.this.destination_config).on_failure).destination_arn == "arn:aws:s3:::failures"
    error_message = "What is given up must be kept, with its original."
  }
}

run "the_role_reads_this_stream_and_writes_failures_only" {
  assert {
    condition = (
      local.reading_permissions.ReadTheStream.Resource == [var.stream_arn] &&
      local.reading_permissions.SetAsideWhatFailed.Resource == ["arn:aws:s3:::failures/aws/lambda/*"]
    )
    error_message = "The role must name its stream and its bucket."
  }
}

run "everybody_calls_the_alias" {
  assert {
    condition     = aws_lambda_event_source_mapping.this.function_name == module.function.function.arn
    error_message = "The mapping must invoke the alias."
  }
}

run "a_filter_narrows_what_the_function_gets" {
  variables {
    filter_pattern = "{\"eventName\":[\"INSERT\"]}"
  }
  assert {
    condition     = one(one(aws_lambda_event_source_mapping.this.filter_criteria).filter).pattern == "{\"eventName\":[\"INSERT\"]}"
    error_message = "The filter must reach the mapping."
  }
}

run "to_be_tried_for_ever_is_refused" {
  command = plan
  variables {
    maximum_retry_attempts = -1
  }
  expect_failures = [var.maximum_retry_attempts]
}

run "too_large_a_batch_is_refused" {
  command = plan
  variables {
    batch_size = 10001
  }
  expect_failures = [var.batch_size]
}

run "another_source_is_refused" {
  command = plan
  variables {
    stream_arn = "arn:aws:sqs:eu-central-1:111122223333:queue"
  }
  expect_failures = [var.stream_arn]
}
