resource "aws_sqs_queue" "photos" {
  name                       = "photos"
  visibility_timeout_seconds = 185
}

resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
  timeout       = 30
}

resource "aws_lambda_event_source_mapping" "photos" {
  event_source_arn                   = aws_sqs_queue.photos.arn
  function_name                      = aws_lambda_function.resize.arn
  maximum_batching_window_in_seconds = 5
}
