locals {
  # Each with what its code calls and no more.
  functions = {
    thumbnail = {
      name            = "thumbnail"
      description     = "Makes a photo's thumbnail, its record and its announcement."
      memory_mb       = 1024
      timeout_seconds = 30
      environment = {
        BUCKET           = aws_s3_bucket.this.id
        TABLE            = aws_dynamodb_table.photos.name
        TOPIC_ARN        = aws_sns_topic.photos.arn
        DEAD_LETTERS_URL = aws_sqs_queue.dead_letters.url
      }
      permissions = {
        ReadOriginals         = { Action = ["s3:GetObject"], Resource = ["${local.bucket_arn}/uploads/*"] }
        WriteThumbnails       = { Action = ["s3:PutObject"], Resource = ["${local.bucket_arn}/thumbnails/*"] }
        KeepRecords           = { Action = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], Resource = [aws_dynamodb_table.photos.arn] }
        AnnouncePhotos        = { Action = ["sns:Publish"], Resource = [aws_sns_topic.photos.arn] }
        SetAsideWhatIsNoPhoto = { Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.dead_letters.arn] }
      }
    }
    photos-api = {
      name        = "photos-api"
      description = "Answers questions about photos and presigns uploads."
      environment = {
        BUCKET = aws_s3_bucket.this.id
        TABLE  = aws_dynamodb_table.photos.name
      }
      permissions = {
        ReadRecords = { Action = ["dynamodb:GetItem"], Resource = [aws_dynamodb_table.photos.arn] }
        ListRecords = { Action = ["dynamodb:Query"], Resource = ["${aws_dynamodb_table.photos.arn}/index/newest"] }
        # A presigned URL can do what its signer may do.
        PresignUploads = { Action = ["s3:PutObject"], Resource = ["${local.bucket_arn}/uploads/*"] }
      }
    }
  }
}

module "thumbnail" {
  source = "../triggers/sqs"

  name_prefix         = var.name_prefix
  function            = local.functions["thumbnail"]
  function_defaults   = var.function_defaults
  queue_arn           = aws_sqs_queue.uploads.arn
  maximum_concurrency = var.maximum_concurrency
}

module "photos_api" {
  source = "../function"

  name_prefix = var.name_prefix
  name        = local.functions["photos-api"].name
  description = local.functions["photos-api"].description
  defaults    = var.function_defaults
  environment = local.functions["photos-api"].environment
  permissions = local.functions["photos-api"].permissions
}
