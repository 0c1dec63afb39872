# list ─ S3 lists/incoming/ ─ EventBridge ─ state machine lists: validate ─ transform ─ announce ─┬─ S3 lists/results/
#                                                                                                 ├─ SNS, one announcement
#                                                                                                 └─ failures, with their reason
# request ─ state machine release: check (5 at once) ─ ask, and wait for POST /approvals/{id} ─ release | rejected | expired

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.id
  partition  = data.aws_partition.current.partition

  # Said rather than referred to: what names each other can then be made at the same time.
  bucket_names  = { for name in ["lists", "results"] : name => "${var.name_prefix}-${name == "lists" ? "lists" : "list-results"}-${local.account_id}-${local.region}" }
  bucket_arns   = { for name, bucket in local.bucket_names : name => "arn:${local.partition}:s3:::${bucket}" }
  failures_name = "${var.name_prefix}-list-failures"
  failures_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.failures_name}"
  rule_name     = "${var.name_prefix}-list-arrived"
  rule_arn      = "arn:${local.partition}:events:${local.region}:${local.account_id}:rule/${local.rule_name}"
  table_names   = { approvals = "${var.name_prefix}-approvals", notices = "${var.name_prefix}-list-notices" }
  table_arns    = { for name, table in local.table_names : name => "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${table}" }
}

resource "aws_s3_bucket" "this" {
  for_each = local.bucket_names

  bucket        = each.value
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket_versioning.this

  bucket = each.value.bucket

  rule {
    id     = "remove-replaced-and-unfinished"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

# A bucket has one notification configuration: a second resource would silently replace this one.
resource "aws_s3_bucket_notification" "lists" {
  bucket      = aws_s3_bucket.this["lists"].id
  eventbridge = true
}

resource "aws_dynamodb_table" "approvals" {
  name         = local.table_names.approvals
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "approval_id"

  attribute {
    name = "approval_id"
    type = "S"
  }

  ttl {
    attribute_name = "delete_after"
    enabled        = true
  }

  server_side_encryption {
    enabled = true
  }

  point_in_time_recovery {
    enabled = true
  }
}

# What list-notify has announced: Powertools' idempotency records, in its own field names.
resource "aws_dynamodb_table" "notices" {
  name         = local.table_names.notices
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    attribute_name = "expiration"
    enabled        = true
  }

  server_side_encryption {
    enabled = true
  }
}

resource "aws_sns_topic" "this" {
  name              = "${var.name_prefix}-workflows"
  kms_master_key_id = "alias/aws/sns"
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:DeleteTopic"]
        Resource  = aws_sns_topic.this.arn
      },
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

# Lists that were rejected or could not be worked off, and events that did not start an execution: each message is S3's
# event, as it came; its attributes say the reason.
resource "aws_sqs_queue" "failures" {
  name                      = local.failures_name
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheRuleSetsAsideWhatItCannotDeliver"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.failures_arn
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.rule_arn }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}
