output "functions" {
  description = "Each function by its short name, as modules/function gives it."
  value = merge(
    {
      order-intake    = module.intake.function
      order-inventory = module.inventory.function
      order-payment   = module.payment.function
      order-notice    = module.notice.function
      order-charge    = module.charge.function
      order-settle    = module.settle.function
    },
    { for function in module.sandbox[*].function : "order-payment-sandbox" => function },
  )
}

output "queues" {
  description = "Each work queue with its dead-letter queue."
  value = {
    for name, queue in aws_sqs_queue.this : "order-${name}" => {
      name             = queue.name
      url              = queue.url
      arn              = queue.arn
      dead_letter_name = aws_sqs_queue.dead_letters[name].name
      dead_letter_url  = aws_sqs_queue.dead_letters[name].url
    }
  }
}

output "failure_queues" {
  description = "Queues of Lambda's records of what functions that are called by themselves could not work off."
  value = {
    order-inventory = { name = aws_sqs_queue.inventory_failures.name, url = aws_sqs_queue.inventory_failures.url, arn = aws_sqs_queue.inventory_failures.arn }
  }
}

output "state_machines" {
  description = "The saga."
  value = {
    order-saga = { name = aws_sfn_state_machine.saga.name, arn = aws_sfn_state_machine.saga.arn, type = aws_sfn_state_machine.saga.type }
  }
}

output "tables" {
  description = "Orders (key transaction_id); stock and reservations, guards and the sandbox's books (key id)."
  value = merge(
    { for name, table in aws_dynamodb_table.this : name => { name = table.name, arn = table.arn } },
    { for table in aws_dynamodb_table.sandbox : "sandbox" => { name = table.name, arn = table.arn } },
  )
}

output "topics" {
  description = "Events of orders, and notices for customers."
  value       = { for name, topic in aws_sns_topic.this : "order-${name}" => { name = topic.name, arn = topic.arn } }
}

output "order_stream" {
  description = "The orders' table and its stream of changes (new and old images)."
  value = {
    table_arn  = aws_dynamodb_table.this["orders"].arn
    stream_arn = aws_dynamodb_table.this["orders"].stream_arn
  }
}
