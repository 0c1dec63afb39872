# orders table ─ its stream ─┬─ Lambda order-history ─ table, a customer's orders as they are now
#                            └─ Pipe ─ Kinesis ─┬─ Lambda order-audit ─ table, every change of every order
#                                               ├─ Lambda order-totals ─ table, running totals
#                                               └─ Pipe, confirmed ones ─ queue of shipments

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.id
  arn        = "arn:${data.aws_partition.current.partition}"

  # The longest name of an environment has 16 letters, and S3 takes 63 in all.
  # Said rather than referred to, so that stream, queues, pipes and mappings can be made at the same time.
  bucket_name = "${var.name_prefix}-failures-${local.account_id}-${local.region}"
  bucket_arn  = "${local.arn}:s3:::${local.bucket_name}"
  queue_arns  = { for name in ["shipments", "pipe-failures"] : name => "${local.arn}:sqs:${local.region}:${local.account_id}:${var.name_prefix}-${name}" }
}

resource "aws_kinesis_stream" "orders" {
  name             = "${var.name_prefix}-orders"
  shard_count      = var.shards
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = "PROVISIONED"
  }
}

# What the consumers could not do, whole: aws/lambda/<mapping id>/<shard id>/….
resource "aws_s3_bucket" "failures" {
  bucket        = local.bucket_name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "failures" {
  bucket                  = aws_s3_bucket.failures.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "failures" {
  bucket = aws_s3_bucket.failures.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "failures" {
  bucket = aws_s3_bucket.failures.id

  rule {
    id     = "forget-after-three-months"
    status = "Enabled"

    filter {}

    expiration {
      days = 90
    }
  }
}

resource "aws_dynamodb_table" "this" {
  for_each = {
    order-audit   = { hash_key = "transaction_id", range_key = "sequence", ttl = null }
    order-totals  = { hash_key = "total", range_key = null, ttl = "expires_at" }
    order-history = { hash_key = "customer_id", range_key = "transaction_id", ttl = null }
  }

  name         = "${var.name_prefix}-${each.key}"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = each.value.hash_key
  range_key    = each.value.range_key

  dynamic "attribute" {
    for_each = compact([each.value.hash_key, each.value.range_key])

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "ttl" {
    for_each = each.value.ttl == null ? [] : [each.value.ttl]

    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  deletion_protection_enabled = !var.force_destroy
}

module "kinesis_consumer" {
  source = "../triggers/kinesis"
  for_each = {
    order-audit  = { description = "Keeps every change of every order, in order.", actions = ["dynamodb:PutItem"] }
    order-totals = { description = "Keeps running totals of orders per customer and minute.", actions = ["dynamodb:PutItem", "dynamodb:UpdateItem"] }
  }

  name_prefix        = var.name_prefix
  function_defaults  = var.function_defaults
  stream_arn         = aws_kinesis_stream.orders.arn
  failure_bucket_arn = local.bucket_arn

  function = {
    name            = each.key
    description     = each.value.description
    timeout_seconds = 30
    environment     = { TABLE = aws_dynamodb_table.this[each.key].name }
    permissions     = { KeepRecords = { Action = each.value.actions, Resource = [aws_dynamodb_table.this[each.key].arn] } }
  }
}

module "order_history" {
  source = "../triggers/dynamodb_stream"

  name_prefix        = var.name_prefix
  function_defaults  = var.function_defaults
  stream_arn         = var.orders_stream_arn
  failure_bucket_arn = local.bucket_arn
  batch_size         = 1000

  function = {
    name            = "order-history"
    description     = "Keeps for each customer their orders as they are now."
    timeout_seconds = 60
    environment     = { TABLE = aws_dynamodb_table.this["order-history"].name }
    permissions     = { KeepRecords = { Action = ["dynamodb:PutItem"], Resource = [aws_dynamodb_table.this["order-history"].arn] } }
  }
}
