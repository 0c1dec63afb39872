resource "aws_s3_bucket" "photos" { # finds: s3/tls-only
  bucket = "photos"
}

resource "aws_s3_bucket" "lists" { # finds: s3/tls-only
  bucket = "lists"
}

resource "aws_s3_bucket_policy" "lists" {
  bucket = aws_s3_bucket.lists.id
  policy = jsonencode({
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::123456789012:root" }
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.lists.arn}/*"
      Condition = { Bool = { "aws:SecureTransport" = "true" } }
    }]
  })
}
