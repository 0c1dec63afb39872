resource "aws_lambda_event_source_mapping" "photos" {
  event_source_arn = "arn:aws:sqs:eu-central-1:123456789012:photos"
  function_name    = "resize"
  batch_size       = 100 # finds: mappings/batch-size
}

resource "aws_lambda_event_source_mapping" "ordered" {
  event_source_arn                   = aws_sqs_queue.ordered.arn
  function_name                      = "resize"
  batch_size                         = 50 # finds: mappings/batch-size
  maximum_batching_window_in_seconds = 5
}

resource "aws_sqs_queue" "ordered" {
  name       = "ordered.fifo"
  fifo_queue = true
}
