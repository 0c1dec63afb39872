resource "aws_api_gateway_stage" "live" { # finds: api/firewall
  rest_api_id   = "abc"
  stage_name    = "live"
  deployment_id = "def"
}
