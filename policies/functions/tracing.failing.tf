resource "aws_lambda_function" "resize" { # finds: functions/tracing
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
}

resource "aws_lambda_function" "passes" {
  function_name = "passes"
  role          = "arn:aws:iam::123456789012:role/resize"

  tracing_config {
    mode = "PassThrough" # finds: functions/tracing
  }
}
