resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_sqs_queue" "this" {
  name = "jobs"
}

resource "aws_s3_bucket" "this" {
  bucket_prefix = "photos-"
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.name
  policy = templatefile("${path.module}/policy.json.tftpl", {
    queue   = aws_sqs_queue.this.arn
    buckets = [aws_s3_bucket.this.arn]
  })
}
