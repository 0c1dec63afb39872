resource "aws_lambda_event_source_mapping" "photos" {
  event_source_arn = "arn:aws:sqs:eu-central-1:123456789012:photos"
  function_name    = aws_lambda_function.resize.arn

  scaling_config {
    maximum_concurrency = 20
  }
}

resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
}
