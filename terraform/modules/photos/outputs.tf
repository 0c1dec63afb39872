output "bucket" {
  description = "The bucket of originals (uploads/) and thumbnails (thumbnails/)."
  value = {
    id                   = aws_s3_bucket.this.id
    arn                  = aws_s3_bucket.this.arn
    regional_domain_name = aws_s3_bucket.this.bucket_regional_domain_name
  }
}

output "table" {
  description = "The table of photo records, key photo_id."
  value = {
    name = aws_dynamodb_table.photos.name
    arn  = aws_dynamodb_table.photos.arn
  }
}

output "topic_arn" {
  description = "The topic that announces each photo once it is ready."
  value       = aws_sns_topic.photos.arn
}

output "queue" {
  description = "The queue between bucket and worker."
  value = {
    url  = aws_sqs_queue.uploads.url
    arn  = aws_sqs_queue.uploads.arn
    name = aws_sqs_queue.uploads.name
  }
}

output "dead_letter_queue" {
  description = "Where messages end that can't be worked off; those that the worker refuses carry the attributes reason and photo_id."
  value = {
    url  = aws_sqs_queue.dead_letters.url
    arn  = aws_sqs_queue.dead_letters.arn
    name = aws_sqs_queue.dead_letters.name
  }
}

output "functions" {
  description = "Each function by its short name. arn and invoke_arn are those of the alias `live`."
  value       = { thumbnail = module.thumbnail.function, photos-api = module.photos_api.function }
}

output "upload_role_arn" {
  description = "The role by which API Gateway puts an upload into the bucket."
  value       = aws_iam_role.upload.arn
}
