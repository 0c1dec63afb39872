resource "aws_apigatewayv2_api" "photos" {
  name          = "photos"
  protocol_type = "HTTP"

  cors_configuration {
    allow_origins = ["https://photos.example.com"]
  }
}
