resource "aws_sfn_state_machine" "images" { # finds: workflows/logging
  name       = "images"
  role_arn   = "arn:aws:iam::123456789012:role/images"
  definition = "{}"
}
