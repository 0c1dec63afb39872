resource "aws_sqs_queue" "photos" {
  name                       = "photos"
  visibility_timeout_seconds = 60 # finds: queues/visibility-timeout
}

resource "aws_sqs_queue" "default" { # finds: queues/visibility-timeout
  name = "default"
}

resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
  timeout       = 30
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.resize.function_name
  function_version = "1"
}

resource "aws_lambda_event_source_mapping" "photos" {
  event_source_arn = aws_sqs_queue.photos.arn
  function_name    = aws_lambda_alias.live.arn
}

resource "aws_lambda_event_source_mapping" "default" {
  event_source_arn = aws_sqs_queue.default.arn
  function_name    = "resize"
}
