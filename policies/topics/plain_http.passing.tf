resource "aws_sns_topic_subscription" "shop" {
  topic_arn = "arn:aws:sns:eu-central-1:123456789012:orders"
  protocol  = "https"
  endpoint  = "https://shop.example.com/orders"
}
