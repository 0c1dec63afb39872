resource "aws_lambda_event_source_mapping" "orders" { # finds: mappings/poison-record
  event_source_arn               = aws_dynamodb_table.orders.stream_arn
  function_name                  = "orders"
  starting_position              = "LATEST"
  bisect_batch_on_function_error = true
}

resource "aws_lambda_event_source_mapping" "never" {
  event_source_arn               = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
  function_name                  = "orders"
  starting_position              = "LATEST"
  maximum_retry_attempts         = 3
  bisect_batch_on_function_error = false # finds: mappings/poison-record
}

resource "aws_dynamodb_table" "orders" {
  name             = "orders"
  hash_key         = "id"
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"
}
