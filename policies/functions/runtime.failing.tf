resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
  runtime       = "python3.8" # finds: functions/runtime
}

resource "aws_lambda_function" "chosen" {
  function_name = "chosen"
  role          = "arn:aws:iam::123456789012:role/resize"
  runtime       = var.runtime # finds: functions/runtime
}

variable "runtime" {
  default = "nodejs16.x"
}
