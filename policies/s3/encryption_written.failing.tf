resource "aws_s3_bucket" "photos" { # finds: s3/encryption-written
  bucket = "photos"
}
