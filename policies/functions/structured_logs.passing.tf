resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"

  logging_config {
    log_format = "JSON"
  }
}

resource "aws_lambda_function" "powertools" {
  function_name = "powertools"
  role          = "arn:aws:iam::123456789012:role/resize"

  environment {
    variables = { POWERTOOLS_SERVICE_NAME = "orders" }
  }
}
