resource "aws_api_gateway_stage" "live" {
  rest_api_id   = "abc"
  stage_name    = "live"
  deployment_id = "def"
}

resource "aws_wafv2_web_acl_association" "live" {
  resource_arn = aws_api_gateway_stage.live.arn
  web_acl_arn  = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/api/1"
}
