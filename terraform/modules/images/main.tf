# upload ─ S3 incoming/ ─ Lambda image-start ─┐
# photo.ready (SNS) ─ SQS requests ─ Pipe ────┴─ Step Functions, Express ─┬─ image-validate ─ event image.validated
#                         ▲ redrive                                        ├─ image-resize ‖ image-filter ─ S3 work/
#                     dead letters ◀── what is refused, with its reason ───┼─ image-optimise ─ S3 images/, photos/
#                                                                          └─ DynamoDB record, SNS success or error

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.id
  partition  = data.aws_partition.current.partition

  bucket_name        = "${var.name_prefix}-images-${local.account_id}-${local.region}"
  requests_name      = "${var.name_prefix}-image-requests"
  dead_letters_name  = "${var.name_prefix}-image-dead-letters"
  failures_name      = "${var.name_prefix}-image-failures"
  table_name         = "${var.name_prefix}-images"
  topic_name         = "${var.name_prefix}-image-results"
  state_machine_name = "${var.name_prefix}-image-processing"
  pipe_name          = "${var.name_prefix}-image-requests"

  # Said rather than referred to: what names each other can then be made at the same time.
  bucket_arn        = "arn:${local.partition}:s3:::${local.bucket_name}"
  requests_arn      = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.requests_name}"
  dead_letters_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.dead_letters_name}"
  failures_arn      = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.failures_name}"
  table_arn         = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${local.table_name}"
  topic_arn         = "arn:${local.partition}:sns:${local.region}:${local.account_id}:${local.topic_name}"
  state_machine_arn = "arn:${local.partition}:states:${local.region}:${local.account_id}:stateMachine:${local.state_machine_name}"
  pipe_arn          = "arn:${local.partition}:pipes:${local.region}:${local.account_id}:pipe/${local.pipe_name}"
}

resource "aws_s3_bucket" "this" {
  bucket        = local.bucket_name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyOverTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# An upload that is written over is kept, and so is its event: two versions are two events.
resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket_versioning.this.bucket

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

  rule {
    id     = "remove-unfinished-versions"
    status = "Enabled"

    filter {
      prefix = "work/"
    }

    expiration {
      days = 1
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}

resource "aws_dynamodb_table" "images" {
  name         = local.table_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "image_id"

  attribute {
    name = "image_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  deletion_protection_enabled = !var.force_destroy
}

resource "aws_sns_topic" "results" {
  name              = local.topic_name
  kms_master_key_id = "alias/aws/sns"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:DeleteTopic"]
        Resource  = local.topic_arn
      },
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
