resource "aws_cloudfront_distribution" "site" { # finds: cloudfront/firewall
  enabled = true
}
