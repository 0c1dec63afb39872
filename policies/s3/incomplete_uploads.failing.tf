resource "aws_s3_bucket" "photos" { # finds: s3/incomplete-uploads
  bucket = "photos"
}

resource "aws_s3_bucket" "lists" { # finds: s3/incomplete-uploads
  bucket = "lists"
}

resource "aws_s3_bucket_lifecycle_configuration" "lists" {
  bucket = aws_s3_bucket.lists.id

  rule {
    id     = "old"
    status = "Enabled"

    expiration {
      days = 30
    }
  }
}
