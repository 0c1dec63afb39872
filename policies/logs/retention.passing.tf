resource "aws_cloudwatch_log_group" "resize" {
  name              = "/aws/lambda/resize"
  retention_in_days = 30
}

resource "aws_cloudwatch_log_group" "chosen" {
  name              = "chosen"
  retention_in_days = var.days
}

variable "days" {
  type = number
}
