resource "aws_sns_topic_subscription" "stock" { # finds: topics/subscription-dead-letter-queue
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "lambda"
  endpoint  = "arn:aws:lambda:eu-central-1:123456789012:function:stock"
}

resource "aws_sns_topic" "orders" {}
