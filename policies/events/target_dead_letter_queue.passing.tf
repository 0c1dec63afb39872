resource "aws_cloudwatch_event_target" "orders" {
  rule = "orders"
  arn  = "arn:aws:lambda:eu-central-1:123456789012:function:orders"

  dead_letter_config {
    arn = "arn:aws:sqs:eu-central-1:123456789012:failed"
  }
}

resource "aws_cloudwatch_event_target" "log" {
  rule = "orders"
  arn  = "arn:aws:logs:eu-central-1:123456789012:log-group:/events/orders"
}
