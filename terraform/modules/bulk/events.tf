# What starts a job, and what follows upon its end.

resource "aws_cloudwatch_event_rule" "versions" {
  name           = "${local.name}-versions"
  description    = "An image was validated: one job for each of its versions."
  event_bus_name = var.event_bus.name
  event_pattern  = jsonencode({ source = ["images"], "detail-type" = ["image.validated"], detail = { origin = ["images"] } })
}

resource "aws_cloudwatch_event_target" "version" {
  for_each = toset(local.versions)

  rule           = aws_cloudwatch_event_rule.versions.name
  event_bus_name = var.event_bus.name
  target_id      = each.key
  arn            = local.queue_arn
  role_arn       = aws_iam_role.events.arn

  batch_target {
    job_definition = local.definitions["image-version"].name # the newest revision
    job_name       = "image-${each.key}"
  }

  input_transformer {
    input_paths = {
      bucket         = "$.detail.bucket"
      key            = "$.detail.key"
      name           = "$.detail.image_id"
      correlation_id = "$.detail.correlation_id"
    }
    # EventBridge puts the quotes round a value that stands alone.
    input_template = <<-EOT
      {
        "Parameters": {"bucket": <bucket>, "key": <key>, "name": <name>, "version": "${each.key}"},
        "ContainerOverrides": {"Environment": [{"Name": "CORRELATION_ID", "Value": <correlation_id>}]}
      }
    EOT
  }

  retry_policy {
    maximum_event_age_in_seconds = 6 * 3600
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = local.failure_queue_arn
  }

  depends_on = [aws_batch_job_queue.this, aws_batch_job_definition.this, aws_sqs_queue.failures, aws_iam_role_policy.events]
}

module "plan" {
  source = "../triggers/event"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  bus_name          = var.event_bus.name
  event_pattern     = jsonencode({ source = [{ "anything-but" = { prefix = "aws." } }], "detail-type" = ["bulk.requested"] })
  failure_queue_arn = local.failure_queue_arn

  function = {
    name            = "bulk-plan"
    description     = "Lists the photos of a bulk request, and submits one array job for them."
    memory_mb       = 512
    timeout_seconds = 60
    environment = {
      BUCKET            = local.bucket_name
      SOURCES           = local.sources
      JOB_QUEUE         = local.queue_arn
      JOB_DEFINITION    = local.definitions["bulk-slice"].name # the newest revision: a new one needs no deploy
      FAILURE_QUEUE_URL = local.failure_queue_url
    }
    permissions = {
      ListPhotos = {
        Action    = ["s3:ListBucket"]
        Resource  = [for place in var.sources : place.arn]
        Condition = { StringLike = { "s3:prefix" = [for place in var.sources : "${place.prefix}*"] } }
      }
      KeepManifests = { Action = ["s3:GetObject", "s3:PutObject"], Resource = ["${local.bucket_arn}/requests/*"] }
      # Without it a missing manifest would be answered as forbidden.
      KnowWhatIsMissing = { Action = ["s3:ListBucket"], Resource = [local.bucket_arn], Condition = { StringLike = { "s3:prefix" = ["requests/*"] } } }
      SubmitSlices      = { Action = ["batch:SubmitJob"], Resource = [local.queue_arn, "${local.definition_arns["bulk-slice"]}*"] }
      FindJobs          = { Action = ["batch:ListJobs"], Resource = ["*"] } # ListJobs knows no resources
    }
  }

  depends_on = [aws_sqs_queue.failures]
}

module "follow_up" {
  source = "../triggers/event"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  failure_queue_arn = local.failure_queue_arn
  event_pattern = jsonencode({
    source        = ["aws.batch"]
    "detail-type" = ["Batch Job State Change"]
    detail = {
      jobQueue = [local.queue_arn]
      status   = ["SUCCEEDED", "FAILED"]
      jobId    = [{ "anything-but" = { wildcard = "*:*" } }] # an array's children are told of by its parent
    }
  })

  function = {
    name            = "bulk-follow-up"
    description     = "Keeps what failed of a job, announces its end and writes its report."
    memory_mb       = 512
    timeout_seconds = 120
    environment = {
      BUCKET            = local.bucket_name
      SOURCES           = local.sources
      BUS               = var.event_bus.name
      TOPIC_ARN         = aws_sns_topic.finished.arn
      FAILURE_QUEUE_URL = local.failure_queue_url
      PLAN_FUNCTION_ARN = local.plan_function_arn
    }
    permissions = {
      ReadWhatJobsDid   = { Action = ["s3:GetObject"], Resource = ["${local.bucket_arn}/requests/*", "${local.bucket_arn}/results/*", "${local.bucket_arn}/reports/*"] }
      KnowWhatIsMissing = { Action = ["s3:ListBucket"], Resource = [local.bucket_arn], Condition = { StringLike = { "s3:prefix" = ["results/*", "reports/*"] } } }
      WriteReports      = { Action = ["s3:PutObject"], Resource = ["${local.bucket_arn}/reports/*"] }
      LookAtJobs        = { Action = ["batch:ListJobs", "batch:DescribeJobs"], Resource = ["*"] } # they know no resources
      Announce          = { Action = ["sns:Publish"], Resource = [aws_sns_topic.finished.arn] }
      PublishEvents     = { Action = ["events:PutEvents"], Resource = [var.event_bus.arn] }
    }
  }

  depends_on = [aws_sqs_queue.failures]
}

locals {
  failure_queue_url = "https://sqs.${local.region}.amazonaws.com/${local.account_id}/${local.name}-failures"
  definition_arns   = { for key, definition in local.definitions : key => "arn:${local.partition}:batch:${local.region}:${local.account_id}:job-definition/${definition.name}" }
}
