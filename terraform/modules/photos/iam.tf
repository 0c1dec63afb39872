# The direct upload has a role of its own. Policies are written with jsonencode, so that `terraform test` can read them.

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
