resource "aws_api_gateway_stage" "live" {
  rest_api_id   = "abc"
  stage_name    = "live"
  deployment_id = "def"
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = "abc"
  stage_name  = aws_api_gateway_stage.live.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = 100
    throttling_burst_limit = 50
  }
}

resource "aws_apigatewayv2_stage" "live" {
  api_id = "abc"
  name   = "live"

  default_route_settings {
    throttling_rate_limit  = 100
    throttling_burst_limit = 50
  }
}
