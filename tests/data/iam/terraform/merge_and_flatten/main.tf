resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_s3_bucket" "this" {
  bucket_prefix = "photos-"
}

locals {
  buckets = { a = aws_s3_bucket.this.arn, b = "arn:aws:s3:::fixed" }
  base    = { Effect = "Allow" }
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(local.base, {
      Action   = ["s3:GetObject"]
      Resource = flatten([for arn in values(local.buckets) : [arn, "${arn}/*"]])
    })]
  })
}
