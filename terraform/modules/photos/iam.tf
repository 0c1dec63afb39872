# One role for each function and one for the direct upload, each with what its code calls and no more.
# Policies are written with jsonencode rather than aws_iam_policy_document: `terraform test` can then read them.

locals {
  permissions = {
    thumbnail = {
      TakeUploads           = { Action = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], Resource = aws_sqs_queue.uploads.arn }
      ReadOriginals         = { Action = ["s3:GetObject"], Resource = "${local.bucket_arn}/uploads/*" }
      WriteThumbnails       = { Action = ["s3:PutObject"], Resource = "${local.bucket_arn}/thumbnails/*" }
      KeepRecords           = { Action = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], Resource = aws_dynamodb_table.photos.arn }
      AnnouncePhotos        = { Action = ["sns:Publish"], Resource = aws_sns_topic.photos.arn }
      SetAsideWhatIsNoPhoto = { Action = ["sqs:SendMessage"], Resource = aws_sqs_queue.dead_letters.arn }
    }
    photos-api = {
      ReadRecords = { Action = ["dynamodb:GetItem"], Resource = aws_dynamodb_table.photos.arn }
      ListRecords = { Action = ["dynamodb:Query"], Resource = "${aws_dynamodb_table.photos.arn}/index/newest" }
      # A presigned URL can do what its signer may do.
      PresignUploads = { Action = ["s3:PutObject"], Resource = "${local.bucket_arn}/uploads/*" }
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name = "${var.name_prefix}-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.permissions

  name = "work"
  role = aws_iam_role.function[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for sid, permission in each.value : merge(permission, { Sid = sid, Effect = "Allow" })],
      [
        {
          Sid      = "WriteOwnLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.function[each.key].arn}:*"
        },
        {
          Sid      = "SendTraces"
          Effect   = "Allow"
          Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          Resource = "*" # X-Ray has no resources to name
        },
      ],
    )
  })
}

resource "aws_iam_role" "upload" {
  name = "${var.name_prefix}-photo-upload"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "apigateway.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "upload" {
  name = "work"
  role = aws_iam_role.upload.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "PutUploads"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = "${local.bucket_arn}/uploads/*"
    }]
  })
}
