resource "aws_lambda_event_source_mapping" "photos" {
  event_source_arn        = "arn:aws:sqs:eu-central-1:123456789012:photos"
  function_name           = "resize"
  function_response_types = ["ReportBatchItemFailures"]
}

resource "aws_lambda_event_source_mapping" "one_by_one" {
  event_source_arn = "arn:aws:sqs:eu-central-1:123456789012:photos"
  function_name    = "resize"
  batch_size       = 1
}
