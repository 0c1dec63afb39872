resource "aws_cloudfront_origin_access_identity" "site" { # finds: cloudfront/origin-access-control
}

resource "aws_cloudfront_distribution" "site" {
  origin {
    origin_id   = "site"
    domain_name = aws_s3_bucket.site.bucket_regional_domain_name # finds: cloudfront/origin-access-control
  }
}

resource "aws_s3_bucket" "site" {
  bucket = "site"
}
