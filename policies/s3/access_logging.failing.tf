resource "aws_s3_bucket" "photos" { # finds: s3/access-logging
  bucket = "photos"
}
