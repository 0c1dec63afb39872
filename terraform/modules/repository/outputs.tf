output "repository" {
  description = "The repository: its name and ARN."
  value       = { name = aws_codecommit_repository.this.repository_name, arn = aws_codecommit_repository.this.arn }
}

output "functions" {
  description = "Each function by its short name. arn and invoke_arn are those of the alias `live`."
  value       = { repository-notice = module.notice.function }
}

output "tables" {
  description = "pushes: key (branch, push: time and event)."
  value       = { pushes = { name = aws_dynamodb_table.pushes.name, arn = aws_dynamodb_table.pushes.arn } }
}

output "failure_queues" {
  description = "Where events are kept that could not be noted."
  value       = { repository-failures = { name = aws_sqs_queue.failures.name, url = aws_sqs_queue.failures.url, arn = aws_sqs_queue.failures.arn } }
}
