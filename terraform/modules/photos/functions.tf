locals {
  functions = {
    thumbnail = {
      description     = "Makes a photo's thumbnail, its record and its announcement."
      memory_mb       = 1024
      timeout_seconds = 30
      environment = {
        BUCKET           = aws_s3_bucket.this.id
        TABLE            = aws_dynamodb_table.photos.name
        TOPIC_ARN        = aws_sns_topic.photos.arn
        DEAD_LETTERS_URL = aws_sqs_queue.dead_letters.url
      }
    }
    photos-api = {
      description     = "Answers questions about photos and presigns uploads."
      memory_mb       = 256
      timeout_seconds = 10
      environment = {
        BUCKET = aws_s3_bucket.this.id
        TABLE  = aws_dynamodb_table.photos.name
      }
    }
  }
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name_prefix}-${each.key}"
  retention_in_days = var.log_retention_days
}

# Shape is ours; code and the version that `live` points at belong to `opsctl deploy function`. So a changed
# setting is published as a new version here, and goes live with the next deploy.
resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name = "${var.name_prefix}-${each.key}"
  description   = each.value.description
  role          = aws_iam_role.function[each.key].arn
  runtime       = var.function_runtime
  architectures = ["x86_64"]
  handler       = "handler.handler"
  filename      = "${var.package_dir}/${each.key}.zip"
  memory_size   = each.value.memory_mb
  timeout       = each.value.timeout_seconds
  publish       = true

  environment {
    variables = merge(each.value.environment, {
      POWERTOOLS_SERVICE_NAME      = each.key
      POWERTOOLS_METRICS_NAMESPACE = "${var.name_prefix}/photos"
      POWERTOOLS_LOG_LEVEL         = "INFO"
    })
  }

  tracing_config {
    mode = "Active"
  }

  lifecycle {
    ignore_changes = [filename, source_code_hash, s3_bucket, s3_key, s3_object_version]
  }

  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function]
}

resource "aws_lambda_alias" "live" {
  for_each = aws_lambda_function.this

  name             = "live"
  function_name    = each.value.function_name
  function_version = each.value.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

resource "aws_lambda_event_source_mapping" "uploads" {
  event_source_arn        = aws_sqs_queue.uploads.arn
  function_name           = aws_lambda_alias.live["thumbnail"].arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
}
