resource "aws_apigatewayv2_api" "photos" {
  name          = "photos"
  protocol_type = "HTTP"

  cors_configuration {
    allow_origins = ["*"] # finds: api/cors-any-origin
  }
}

resource "aws_api_gateway_integration_response" "preflight" {
  rest_api_id = "abc"
  resource_id = "def"
  http_method = "OPTIONS"
  status_code = "200"
  response_parameters = { # finds: api/cors-any-origin
    "method.response.header.Access-Control-Allow-Origin" = "'*'"
  }
}

resource "aws_s3_bucket_cors_configuration" "uploads" {
  bucket = "uploads"

  cors_rule {
    allowed_methods = ["PUT"]
    allowed_origins = ["*"] # finds: api/cors-any-origin
  }
}
