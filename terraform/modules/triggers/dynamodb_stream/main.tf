# table ─ stream ─ one batch of a shard after the other ─ one function, with one role; what fails ─ failure bucket

locals {
  reading_permissions = {
    ReadTheStream = { Action = ["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"], Resource = [var.stream_arn] }
    ListStreams   = { Action = ["dynamodb:ListStreams"], Resource = ["*"] } # Lambda asks for it, and it has no resource
    # Lambda writes with the function's role; it asks for the bucket's listing, too.
    SetAsideWhatFailed = { Action = ["s3:PutObject"], Resource = ["${var.failure_bucket_arn}/aws/lambda/*"] }
    FindFailureBucket  = { Action = ["s3:ListBucket"], Resource = [var.failure_bucket_arn] }
  }
}

module "function" {
  source = "../../function"

  name_prefix     = var.name_prefix
  name            = var.function.name
  description     = var.function.description
  defaults        = var.function_defaults
  memory_mb       = var.function.memory_mb
  timeout_seconds = var.function.timeout_seconds
  environment     = var.function.environment
  permissions     = merge(var.function.permissions, local.reading_permissions)
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = var.stream_arn
  function_name                      = module.function.function.arn
  starting_position                  = var.starting_position
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batching_window_seconds
  parallelization_factor             = var.parallelization_factor
  function_response_types            = ["ReportBatchItemFailures"]

  # A poison record: what fails is halved until it stands alone, tried a few times, set aside; the shard goes on.
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = var.maximum_retry_attempts
  maximum_record_age_in_seconds  = var.maximum_record_age_seconds

  destination_config {
    on_failure {
      destination_arn = var.failure_bucket_arn
    }
  }

  dynamic "filter_criteria" {
    for_each = var.filter_pattern == null ? [] : [var.filter_pattern]

    content {
      filter {
        pattern = filter_criteria.value
      }
    }
  }
}
