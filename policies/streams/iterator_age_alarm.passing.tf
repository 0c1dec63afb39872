resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn  = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
  function_name     = aws_lambda_function.orders.arn
  starting_position = "TRIM_HORIZON"
}

resource "aws_lambda_function" "orders" {
  function_name = "orders"
  role          = "arn:aws:iam::123456789012:role/orders"
}

resource "aws_cloudwatch_metric_alarm" "age" {
  alarm_name          = "orders-age"
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  dimensions          = { FunctionName = aws_lambda_function.orders.function_name }
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = 60000
}
