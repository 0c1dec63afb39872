resource "aws_sfn_state_machine" "images" {
  name       = "images"
  role_arn   = "arn:aws:iam::123456789012:role/images"
  definition = "{}"

  logging_configuration {
    level           = "ERROR"
    log_destination = "arn:aws:logs:eu-central-1:123456789012:log-group:images:*"
  }
}
