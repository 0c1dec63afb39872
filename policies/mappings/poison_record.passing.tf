resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn               = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
  function_name                  = "orders"
  starting_position              = "TRIM_HORIZON"
  maximum_retry_attempts         = 5
  bisect_batch_on_function_error = true
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn = "arn:aws:sqs:eu-central-1:123456789012:photos"
  function_name    = "resize"
}
