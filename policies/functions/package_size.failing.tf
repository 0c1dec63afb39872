resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"

  ephemeral_storage {
    size = 20480 # finds: functions/package-size
  }
}
