resource "aws_lambda_function" "resize" { # finds: functions/log-group
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
}

resource "aws_cloudwatch_log_group" "other" {
  name              = "/aws/lambda/other"
  retention_in_days = 30
}
