resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
  filename      = "not-built-yet.zip"

  ephemeral_storage {
    size = 1024
  }
}
