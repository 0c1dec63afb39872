resource "aws_lambda_function" "resize" { # finds: functions/structured-logs
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
}
