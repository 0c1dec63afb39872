resource "aws_s3_bucket" "photos" { # finds: s3/old-versions
  bucket = "photos"
}

resource "aws_s3_bucket_versioning" "photos" {
  bucket = aws_s3_bucket.photos.id

  versioning_configuration {
    status = "Enabled"
  }
}
