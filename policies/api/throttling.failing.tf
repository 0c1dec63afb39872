resource "aws_api_gateway_stage" "live" { # finds: api/throttling
  rest_api_id   = "abc"
  stage_name    = "live"
  deployment_id = "def"
}

resource "aws_apigatewayv2_stage" "live" { # finds: api/throttling
  api_id = "abc"
  name   = "live"
}
