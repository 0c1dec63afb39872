resource "aws_cloudwatch_log_group" "resize" { # finds: logs/retention
  name = "/aws/lambda/resize"
}
