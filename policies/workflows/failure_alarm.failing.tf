resource "aws_sfn_state_machine" "lists" { # finds: workflows/failure-alarm
  name       = "lists"
  role_arn   = "arn:aws:iam::123456789012:role/lists"
  definition = "{}"
}
