resource "aws_cloudfront_distribution" "site" { # finds: cloudfront/logging
  enabled = true
}
