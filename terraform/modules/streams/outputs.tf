output "functions" {
  description = "Each function by its short name, as modules/function gives it."
  value = merge(
    { for name, consumer in module.kinesis_consumer : name => consumer.function },
    { order-history = module.order_history.function },
  )
}

output "mappings" {
  description = "Each function's event source mapping: its id."
  value = merge(
    { for name, consumer in module.kinesis_consumer : name => consumer.mapping_id },
    { order-history = module.order_history.mapping_id },
  )
}

output "streams" {
  description = "Each stream by its short name: {name, arn}."
  value       = { orders = { name = aws_kinesis_stream.orders.name, arn = aws_kinesis_stream.orders.arn } }
}

output "tables" {
  description = "Each table by its short name: {name, arn}."
  value       = { for name, table in aws_dynamodb_table.this : name => { name = table.name, arn = table.arn } }
}

output "shipments" {
  description = "The queue that the warehouse takes its work from: {name, url, arn}."
  value       = { name = aws_sqs_queue.shipments.name, url = aws_sqs_queue.shipments.url, arn = aws_sqs_queue.shipments.arn }
}

output "failure_queues" {
  description = "Queues of what a pipe gave up, by short name: {name, url, arn}."
  value = {
    pipe-failures = { name = aws_sqs_queue.pipe_failures.name, url = aws_sqs_queue.pipe_failures.url, arn = aws_sqs_queue.pipe_failures.arn }
  }
}

output "pipes" {
  description = "Each pipe by its short name: {name, arn}."
  value = {
    for name, pipe in { order-changes = aws_pipes_pipe.order_changes, order-shipments = aws_pipes_pipe.shipments } : name => {
      name                            = pipe.name
      arn                             = pipe.arn
    }
  }
}

output "failures" {
  description = "The bucket that keeps what the functions could not do."
  value       = { id = aws_s3_bucket.failures.id, arn = aws_s3_bucket.failures.arn }
}
