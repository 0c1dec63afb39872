resource "aws_s3_bucket" "photos" {
  for_each = toset(["a", "b"])
  bucket   = "photos-${each.key}"
}

resource "aws_s3_bucket_public_access_block" "photos" {
  for_each                = aws_s3_bucket.photos
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
