# POST /checkouts ─ order-intake ─┬─ table orders ─ stream (analytics)
#                                 └─ topic order-events ─┬─ order.placed ──────── order-inventory ─ table stock ─┐
#                                      ▲                 ├─ order.placed,         queue notices ─ order-notice  │
#                                      │                 │  order.rejected                                      │
#                                      │                 └─ stock.reserved ────── queue payments ─ order-payment│
#                                      └──────────── stock.reserved, order.rejected ────────────────────────────┘
# saga: order-payment ─ charge (breaker, provider) ─┬─ confirm ─ order.confirmed
#                                                   └─ cancel: stock back ─ order.cancelled ─ refund

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.id
  partition  = data.aws_partition.current.partition

  # Said rather than referred to: what names each other can then be made at the same time.
  sqs_prefix = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.name_prefix}-order"
  topic_arn  = "arn:${local.partition}:sns:${local.region}:${local.account_id}:${var.name_prefix}-order-events"
  saga_name  = "${var.name_prefix}-order-saga"
  saga_arn   = "arn:${local.partition}:states:${local.region}:${local.account_id}:stateMachine:${local.saga_name}"

  tables = {
    orders = { key = "transaction_id", expires = null }
    stock  = { key = "id", expires = null }         # stock#<sku> and reservation#<transaction id>
    guards = { key = "id", expires = "expiration" } # Powertools' idempotency records, and breaker#payment-provider
  }
}

resource "aws_dynamodb_table" "this" {
  for_each = local.tables

  name         = each.key == "orders" ? "${var.name_prefix}-orders" : "${var.name_prefix}-order-${each.key}"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = each.value.key

  attribute {
    name = each.value.key
    type = "S"
  }

  stream_enabled   = each.key == "orders"
  stream_view_type = each.key == "orders" ? "NEW_AND_OLD_IMAGES" : null

  dynamic "ttl" {
    for_each = each.value.expires == null ? [] : [each.value.expires]

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

resource "aws_sns_topic" "this" {
  for_each = toset(["events", "notices"])

  name              = "${var.name_prefix}-order-${each.key}"
  kms_master_key_id = "alias/aws/sns"
}

resource "aws_sns_topic_policy" "this" {
  for_each = aws_sns_topic.this

  arn = each.value.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:DeleteTopic"]
        Resource  = each.value.arn
      },
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = each.value.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
