# bus ─ rule order-confirmed ─┬─ queue for the audit
#                             ├─ log group
#                             └─ Lambda order-mail ─ SES

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.id
  arn        = "arn:${data.aws_partition.current.partition}"

  bus_name = "${var.name_prefix}-events"
  # Said rather than referred to, so that queues, rules and functions can be made at the same time.
  rule_arns         = { for name in ["order-confirmed", "order-mail"] : name => "${local.arn}:events:${local.region}:${local.account_id}:rule/${local.bus_name}/${var.name_prefix}-${name}" }
  queue_arns        = { for name in ["order-events", "event-failures"] : name => "${local.arn}:sqs:${local.region}:${local.account_id}:${var.name_prefix}-${name}" }
  confirmed_pattern = jsonencode({ source = ["orders"], detail-type = ["order.confirmed"] })
  undelivered_age   = 24 * 3600 # EventBridge's own longest
  undelivered_tries = 185       # and most
}

resource "aws_cloudwatch_event_bus" "this" {
  name        = local.bus_name
  description = "What happened in our systems. Each event is described by a schema: modules/function_layer/layers/shared/events."
}

resource "aws_cloudwatch_event_archive" "this" {
  name             = local.bus_name
  description      = "What a replay needs after a consumer was wrong."
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  retention_days   = var.archive_days
}

resource "aws_cloudwatch_event_rule" "order_confirmed" {
  name           = "${var.name_prefix}-order-confirmed"
  description    = "A confirmed order goes to the audit's queue and to the log."
  event_bus_name = aws_cloudwatch_event_bus.this.name
  event_pattern  = local.confirmed_pattern
}

resource "aws_cloudwatch_event_target" "order_confirmed" {
  for_each = {
    queue = local.queue_arns["order-events"]
    log   = "${local.arn}:logs:${local.region}:${local.account_id}:log-group:${aws_cloudwatch_log_group.events.name}"
  }

  rule           = aws_cloudwatch_event_rule.order_confirmed.name
  event_bus_name = aws_cloudwatch_event_bus.this.name
  target_id      = each.key
  arn            = each.value

  retry_policy {
    maximum_event_age_in_seconds = local.undelivered_age
    maximum_retry_attempts       = local.undelivered_tries
  }

  dead_letter_config {
    arn = local.queue_arns["event-failures"]
  }
}

resource "aws_sqs_queue" "order_events" {
  name                      = "${var.name_prefix}-order-events"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheRuleDeliversEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.queue_arns["order-events"]
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.rule_arns["order-confirmed"] }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

# What a target would not take, what order-mail refused (attribute reason), what it could not do (Lambda's record).
resource "aws_sqs_queue" "failures" {
  name                      = "${var.name_prefix}-event-failures"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheRulesSetAsideWhatTheyCanNotDeliver"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.queue_arns["event-failures"]
      Condition = {
        ArnEquals    = { "aws:SourceArn" = values(local.rule_arns) }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

# EventBridge writes only into groups below /aws/events/, and only by such a policy of CloudWatch Logs.
resource "aws_cloudwatch_log_group" "events" {
  name              = "/aws/events/${local.bus_name}"
  retention_in_days = var.function_defaults.log_retention_days
}

resource "aws_cloudwatch_log_resource_policy" "events" {
  policy_name = local.bus_name
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheRuleWritesEvents"
      Effect    = "Allow"
      Principal = { Service = ["events.amazonaws.com", "delivery.logs.amazonaws.com"] }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "${aws_cloudwatch_log_group.events.arn}:*"
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arns["order-confirmed"] } }
    }]
  })
}
