resource "aws_cloudfront_distribution" "site" {
  viewer_certificate {
    acm_certificate_arn      = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.1_2016" # finds: cloudfront/minimum-tls
  }
}

resource "aws_cloudfront_distribution" "own" {
  viewer_certificate {
    cloudfront_default_certificate = true # finds: cloudfront/minimum-tls
  }
}
