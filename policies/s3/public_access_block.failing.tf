resource "aws_s3_bucket" "photos" { # finds: s3/public-access-block
  bucket = "photos"
}

resource "aws_s3_bucket" "half" {
  bucket = "half"
}

resource "aws_s3_bucket_public_access_block" "half" {
  bucket                  = aws_s3_bucket.half.bucket
  block_public_acls       = true
  block_public_policy     = false # finds: s3/public-access-block
  ignore_public_acls      = true
  restrict_public_buckets = true
}
