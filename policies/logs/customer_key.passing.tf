resource "aws_cloudwatch_log_group" "resize" {
  name = "/aws/lambda/resize"
}
