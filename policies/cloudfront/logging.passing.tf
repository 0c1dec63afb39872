resource "aws_cloudfront_distribution" "site" {
  logging_config {
    bucket = "logs.s3.amazonaws.com"
  }
}

resource "aws_cloudfront_distribution" "second" {
}

resource "aws_cloudwatch_log_delivery_source" "second" {
  name         = "second"
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.second.arn
}
