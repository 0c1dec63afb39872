resource "aws_api_gateway_method" "orders" {
  rest_api_id      = "abc"
  resource_id      = "def"
  http_method      = "POST"
  authorization    = "NONE"
  api_key_required = true # finds: api/usage-plan
}
