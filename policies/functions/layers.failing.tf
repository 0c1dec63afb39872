resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
  layers        = [for index in range(6) : "arn:aws:lambda:eu-central-1:123456789012:layer:l${index}:1"] # finds: functions/layers
}
