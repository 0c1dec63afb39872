resource "aws_api_gateway_method" "photos" {
  rest_api_id   = "abc"
  resource_id   = "def"
  http_method   = "GET"
  authorization = "CUSTOM"
  authorizer_id = "ghi"
}

resource "aws_api_gateway_method" "preflight" {
  rest_api_id   = "abc"
  resource_id   = "def"
  http_method   = "OPTIONS"
  authorization = "NONE"
}

resource "aws_apigatewayv2_route" "says" {
  api_id    = "ws"
  route_key = "say"
}
