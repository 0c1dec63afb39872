resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
  layers        = ["arn:aws:lambda:eu-central-1:999999999999:layer:fast-json:12"] # finds: functions/foreign-layer
}
