resource "aws_api_gateway_method" "orders" {
  rest_api_id      = "abc"
  resource_id      = "def"
  http_method      = "POST"
  authorization    = "NONE"
  api_key_required = true
}

resource "aws_api_gateway_usage_plan" "partners" {
  name = "partners"

  api_stages {
    api_id = "abc"
    stage  = "live"
  }

  throttle_settings {
    rate_limit  = 10
    burst_limit = 5
  }
}
