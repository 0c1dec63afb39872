resource "aws_api_gateway_stage" "live" {
  rest_api_id          = "abc"
  stage_name           = "live"
  deployment_id        = "def"
  xray_tracing_enabled = true
}
