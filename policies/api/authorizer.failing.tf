resource "aws_api_gateway_method" "photos" {
  rest_api_id   = "abc"
  resource_id   = "def"
  http_method   = "GET"
  authorization = "NONE" # finds: api/authorizer
}

resource "aws_apigatewayv2_route" "photos" { # finds: api/authorizer
  api_id    = "abc"
  route_key = "GET /photos"
}

resource "aws_apigatewayv2_route" "connect" {
  api_id             = "abc"
  route_key          = "$connect"
  authorization_type = "NONE" # finds: api/authorizer
}
