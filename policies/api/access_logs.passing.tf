resource "aws_api_gateway_stage" "live" {
  rest_api_id   = "abc"
  stage_name    = "live"
  deployment_id = "def"

  access_log_settings {
    destination_arn = "arn:aws:logs:eu-central-1:123456789012:log-group:api"
    format          = jsonencode({ id = "$context.requestId" })
  }
}
