resource "aws_api_gateway_stage" "live" { # finds: api/access-logs
  rest_api_id   = "abc"
  stage_name    = "live"
  deployment_id = "def"
}

resource "aws_apigatewayv2_stage" "live" { # finds: api/access-logs
  api_id = "abc"
  name   = "live"
}
