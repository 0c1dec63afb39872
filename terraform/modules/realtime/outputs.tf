output "url" {
  description = "Where clients connect: wss://…"
  value       = "wss://${aws_apigatewayv2_api.this.id}.execute-api.${local.region}.amazonaws.com/${local.stage}"
}

output "api" {
  description = "The API's id and its stage, as metrics name them."
  value       = { id = aws_apigatewayv2_api.this.id, stage = aws_apigatewayv2_stage.this.name }
}

output "functions" {
  description = "Each function by its short name. arn and invoke_arn are those of the alias `live`."
  value       = local.functions
}

output "failure_queues" {
  description = "Where what announce and sweep could not work off is kept, with the original and the reason."
  value = {
    realtime-failures = { name = aws_sqs_queue.failures.name, url = aws_sqs_queue.failures.url, arn = aws_sqs_queue.failures.arn }
  }
}

output "tables" {
  description = "connections: key (topic, connection_id)."
  value       = { connections = { name = aws_dynamodb_table.connections.name, arn = aws_dynamodb_table.connections.arn } }
}

output "schedules" {
  description = "sweep: when connections that are gone are looked for."
  value       = { realtime-sweep = module.sweep.schedule }
}

output "access_log_group" {
  description = "Log group with a line for each connect, message and disconnect."
  value       = aws_cloudwatch_log_group.access.name
}
