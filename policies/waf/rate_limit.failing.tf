resource "aws_wafv2_web_acl" "edge" { # finds: waf/rate-limit
  name  = "edge"
  scope = "CLOUDFRONT"
}
