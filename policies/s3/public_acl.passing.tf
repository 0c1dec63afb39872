resource "aws_s3_bucket" "photos" {
  bucket = "photos"
}

resource "aws_s3_bucket_acl" "photos" {
  bucket = aws_s3_bucket.photos.id
  acl    = "private"
}
