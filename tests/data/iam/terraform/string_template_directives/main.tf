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

resource "aws_iam_role_policy" "this" {
  role   = aws_iam_role.this.id
  policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        %{for index, action in ["GetObject", "PutObject"]}${index > 0 ? "," : ""}
        {"Effect": "Allow", "Action": "s3:${action}", "Resource": "${aws_s3_bucket.this.arn}/*"}
        %{endfor}
      ]
    }
  EOT
}
