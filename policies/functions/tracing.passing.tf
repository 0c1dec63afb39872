resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"

  tracing_config {
    mode = "Active"
  }
}

resource "aws_lambda_function" "chosen" {
  function_name = "chosen"
  role          = "arn:aws:iam::123456789012:role/resize"

  tracing_config {
    mode = var.mode
  }
}

variable "mode" {
  type = string
}
