output "functions" {
  description = "Each function by its short name, as modules/function gives it: bulk-plan, bulk-follow-up."
  value = {
    bulk-plan      = module.plan.function
    bulk-follow-up = module.follow_up.function
  }
}

output "buckets" {
  description = "The bucket by its short name, bulk: {id, arn}. It holds versions/, requests/, results/, reports/ and jobs/ (packages)."
  value       = { bulk = { id = aws_s3_bucket.this.id, arn = aws_s3_bucket.this.arn } }
}

output "failure_queues" {
  description = "Where failed slices, refused photos and undelivered events are kept: {name, url, arn}."
  value       = { bulk = { name = aws_sqs_queue.failures.name, url = aws_sqs_queue.failures.url, arn = aws_sqs_queue.failures.arn } }
}

output "topics" {
  description = "The topic bulk-finished tells of each job that is over: {name, arn}."
  value       = { bulk-finished = { name = aws_sns_topic.finished.name, arn = aws_sns_topic.finished.arn } }
}

output "rules" {
  description = "The EventBridge rules by short name: {name, arn, bus_name}."
  value = {
    bulk-versions  = { name = aws_cloudwatch_event_rule.versions.name, arn = aws_cloudwatch_event_rule.versions.arn, bus_name = var.event_bus.name }
    bulk-plan      = module.plan.rule
    bulk-follow-up = module.follow_up.rule
  }
}

output "job_queue" {
  description = "The Batch queue: {name, arn, compute_environment}."
  value = {
    name                = aws_batch_job_queue.this.name
    arn                 = aws_batch_job_queue.this.arn
    compute_environment = aws_batch_compute_environment.this.compute_environment_name
  }
}

output "job_definitions" {
  description = "The job definitions by short name, image-version and bulk-slice: {name, arn} (of the current revision)."
  value       = { for key, definition in aws_batch_job_definition.this : key => { name = definition.name, arn = definition.arn } }
}

output "image" {
  description = "The job's image: {repository_url, tag}. The tag is the SHA-256 of the package that it is built of."
  value       = { repository_url = aws_ecr_repository.job.repository_url, tag = local.image_tag }
}

output "log_group" {
  description = "Log group of the jobs."
  value       = aws_cloudwatch_log_group.job.name
}
