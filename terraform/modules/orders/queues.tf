# Listeners that need a queue of their own: each takes its events at its own pace, and sets aside alone what it can't take.
# Raw delivery: body and attributes are the event itself, so a letter that is put back looks as it did the first time.

locals {
  queues = {
    payments = { events = ["stock.reserved"], timeout_seconds = 10 }
    notices  = { events = ["order.placed", "order.rejected"], timeout_seconds = 10 }
  }
}

resource "aws_sqs_queue" "this" {
  for_each = local.queues

  name                       = "${var.name_prefix}-order-${each.key}"
  sqs_managed_sse_enabled    = true
  message_retention_seconds  = 4 * 24 * 3600
  receive_wait_time_seconds  = 20
  visibility_timeout_seconds = 6 * each.value.timeout_seconds # AWS: at least six times the function's

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = 5
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheTopicDelivers"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "${local.sqs_prefix}-${each.key}"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.topic_arn }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.queues

  name                      = "${var.name_prefix}-order-${each.key}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["${local.sqs_prefix}-${each.key}"]
  })
}

resource "aws_sns_topic_subscription" "queue" {
  for_each = local.queues

  topic_arn            = aws_sns_topic.this["events"].arn
  protocol             = "sqs"
  endpoint             = "${local.sqs_prefix}-${each.key}"
  raw_message_delivery = true
  filter_policy        = jsonencode({ event = each.value.events })

  depends_on = [aws_sqs_queue.this]
}

# What order-inventory could not work off: Lambda's record of it, sent by the function's role.
resource "aws_sqs_queue" "inventory_failures" {
  name                      = "${var.name_prefix}-order-inventory-failures"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600
}
