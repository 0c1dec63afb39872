resource "aws_lambda_event_source_mapping" "photos" { # finds: mappings/partial-failures
  event_source_arn = aws_sqs_queue.photos.arn
  function_name    = "resize"
}

resource "aws_sqs_queue" "photos" {}
