resource "aws_cloudwatch_log_group" "resize" { # finds: logs/customer-key
  name = "/aws/lambda/resize"
}

resource "aws_cloudwatch_log_group" "payments" {
  name       = "/aws/lambda/payments"
  kms_key_id = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
}
