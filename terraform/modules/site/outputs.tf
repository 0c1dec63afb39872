output "bucket" {
  description = "The site's bucket, as the edge and `opsctl deploy site` need it."
  value = {
    id                   = aws_s3_bucket.this.id
    arn                  = aws_s3_bucket.this.arn
    regional_domain_name = aws_s3_bucket.this.bucket_regional_domain_name
  }
}
