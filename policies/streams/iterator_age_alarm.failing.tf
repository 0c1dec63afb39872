resource "aws_lambda_event_source_mapping" "orders" { # finds: streams/iterator-age-alarm
  event_source_arn  = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
  function_name     = aws_lambda_function.orders.arn
  starting_position = "TRIM_HORIZON"
}

resource "aws_lambda_function" "orders" {
  function_name = "orders"
  role          = "arn:aws:iam::123456789012:role/orders"
}
