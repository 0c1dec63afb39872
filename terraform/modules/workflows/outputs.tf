output "functions" {
  description = "Each function by its short name, as modules/function gives it. approval-answer is for POST /approvals/{approval_id}."
  value       = { for name, function in module.function : name => function.function }
}

output "state_machines" {
  description = "Each state machine by its short name, lists and release: {name, arn, type}."
  value       = { for name, machine in aws_sfn_state_machine.this : name => { name = machine.name, arn = machine.arn, type = machine.type } }
}

output "buckets" {
  description = "lists (incoming, below lists/incoming/) and results (below lists/results/): {id, arn}."
  value       = { for name, bucket in aws_s3_bucket.this : name => { id = bucket.id, arn = bucket.arn } }
}

output "tables" {
  description = "approvals (key approval_id) and notices (what was announced): {name, arn}."
  value = {
    approvals = { name = aws_dynamodb_table.approvals.name, arn = aws_dynamodb_table.approvals.arn }
    notices   = { name = aws_dynamodb_table.notices.name, arn = aws_dynamodb_table.notices.arn }
  }
}

output "topics" {
  description = "workflows: list.ready, list.rejected, approval.requested, entry.released (message attribute `event`): {name, arn}."
  value       = { workflows = { name = aws_sns_topic.this.name, arn = aws_sns_topic.this.arn } }
}

output "failure_queues" {
  description = "list-failures: what was rejected or failed, each message S3's event with its reason: {name, url, arn}."
  value       = { list-failures = { name = aws_sqs_queue.failures.name, url = aws_sqs_queue.failures.url, arn = aws_sqs_queue.failures.arn } }
}

output "rules" {
  description = "list-arrived: {name, arn}."
  value       = { list-arrived = { name = aws_cloudwatch_event_rule.list_arrived.name, arn = aws_cloudwatch_event_rule.list_arrived.arn } }
}
