output "functions" {
  description = "Each function by its short name, as modules/function gives it."
  value       = merge({ for name, made in module.function : name => made.function }, { image-start = module.start.function })
}

output "buckets" {
  description = "The bucket by its short name, images: {id, arn}. Uploads go to incoming/, versions come in images/ and photos/."
  value       = { images = { id = aws_s3_bucket.this.id, arn = aws_s3_bucket.this.arn } }
}

output "queues" {
  description = "Queues by their short names: {name, url, arn, dead_letter_name, dead_letter_url}."
  value = {
    image-requests = {
      name             = aws_sqs_queue.requests.name
      url              = aws_sqs_queue.requests.url
      arn              = aws_sqs_queue.requests.arn
      dead_letter_name = aws_sqs_queue.dead_letters.name
      dead_letter_url  = aws_sqs_queue.dead_letters.url
    }
  }
}

output "failure_queues" {
  description = "Where Lambda keeps events that a function could not take: {name, url, arn}."
  value       = { image-start = { name = aws_sqs_queue.failures.name, url = aws_sqs_queue.failures.url, arn = aws_sqs_queue.failures.arn } }
}

output "tables" {
  description = "The table of records, images, key image_id: {name, arn}."
  value       = { images = { name = aws_dynamodb_table.images.name, arn = aws_dynamodb_table.images.arn } }
}

output "topics" {
  description = "The topic image-results tells of each image that is ready, rejected or failed: {name, arn}."
  value       = { image-results = { name = aws_sns_topic.results.name, arn = aws_sns_topic.results.arn } }
}

output "state_machines" {
  description = "The state machine, image-processing: {name, arn, type}."
  value = {
    image-processing = { name = aws_sfn_state_machine.this.name, arn = aws_sfn_state_machine.this.arn, type = aws_sfn_state_machine.this.type }
  }
}

output "pipes" {
  description = "The pipe from the queue of requests into the state machine: {name, arn}."
  value       = { image-requests = { name = aws_pipes_pipe.requests.name, arn = aws_pipes_pipe.requests.arn } }
}
