resource "aws_wafv2_web_acl" "edge" { # finds: waf/logging
  name  = "edge"
  scope = "CLOUDFRONT"
}
