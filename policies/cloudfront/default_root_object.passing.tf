resource "aws_cloudfront_distribution" "site" {
  default_root_object = "index.html"

  default_cache_behavior {
    target_origin_id       = "site"
    viewer_protocol_policy = "redirect-to-https"
  }

  origin {
    origin_id   = "site"
    domain_name = aws_s3_bucket.site.bucket_regional_domain_name
  }
}

resource "aws_s3_bucket" "site" {}
