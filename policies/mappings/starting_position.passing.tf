resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn  = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
  function_name     = "orders"
  starting_position = "TRIM_HORIZON"
}
