output "bus" {
  description = "The event bus."
  value = {
    name = aws_cloudwatch_event_bus.this.name
    arn  = aws_cloudwatch_event_bus.this.arn
  }
}

output "functions" {
  description = "Each function by its short name, as modules/function gives it."
  value       = { order-mail = module.order_mail.function }
}

output "audit_queue" {
  description = "The queue that the audit takes confirmed orders from: {name, url, arn}."
  value       = { name = aws_sqs_queue.order_events.name, url = aws_sqs_queue.order_events.url, arn = aws_sqs_queue.order_events.arn }
}

output "failure_queues" {
  description = "Queues of what could not be delivered or worked off, by short name: {name, url, arn}."
  value = {
    event-failures = { name = aws_sqs_queue.failures.name, url = aws_sqs_queue.failures.url, arn = aws_sqs_queue.failures.arn }
  }
}

output "tables" {
  description = "Each table by its short name: order-mails notes which orders were written about."
  value       = { order-mails = { name = aws_dynamodb_table.mails.name, arn = aws_dynamodb_table.mails.arn } }
}

output "rules" {
  description = "Each rule by its short name: {name, arn, bus_name}."
  value = {
    order-confirmed = {
      name     = aws_cloudwatch_event_rule.order_confirmed.name
      arn      = aws_cloudwatch_event_rule.order_confirmed.arn
      bus_name = aws_cloudwatch_event_bus.this.name
    }
    order-mail = module.order_mail.rule
  }
}

output "log_group" {
  description = "Log group that holds each confirmed order's event."
  value       = aws_cloudwatch_log_group.events.name
}

output "archive" {
  description = "The archive that a replay reads."
  value       = { name = aws_cloudwatch_event_archive.this.name, arn = aws_cloudwatch_event_archive.this.arn }
}

output "sender" {
  description = "Address that letters come from."
  value       = aws_sesv2_email_identity.sender.email_identity
}
