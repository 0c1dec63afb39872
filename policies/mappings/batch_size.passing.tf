resource "aws_lambda_event_source_mapping" "photos" {
  event_source_arn                   = "arn:aws:sqs:eu-central-1:123456789012:photos"
  function_name                      = "resize"
  batch_size                         = 100
  maximum_batching_window_in_seconds = 5
}
