variable "queue_arn" {
  type = string
}

variable "timeout" {
  type = number
}

resource "aws_lambda_function" "this" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
  timeout       = var.timeout
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn = var.queue_arn
  function_name    = aws_lambda_function.this.arn
}
