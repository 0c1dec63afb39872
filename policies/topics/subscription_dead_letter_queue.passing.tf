resource "aws_sns_topic_subscription" "stock" {
  topic_arn      = aws_sns_topic.orders.arn
  protocol       = "lambda"
  endpoint       = "arn:aws:lambda:eu-central-1:123456789012:function:stock"
  redrive_policy = jsonencode({ deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:stock-dead" })
}

resource "aws_sns_topic_subscription" "people" {
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "email"
  endpoint  = "ops@example.com"
}

resource "aws_sns_topic" "orders" {}
