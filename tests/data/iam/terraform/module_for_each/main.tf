resource "aws_s3_bucket" "this" {
  bucket_prefix = "photos-"
}

module "worker" {
  source   = "./worker"
  for_each = { a = "s3:GetObject", b = "s3:PutObject" }
  name     = each.key
  action   = each.value
  bucket   = aws_s3_bucket.this.arn
}
