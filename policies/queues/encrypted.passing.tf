resource "aws_sqs_queue" "default" {
  name = "default" # SQS encrypts new queues since October 2022
}

resource "aws_sqs_queue" "own_key" {
  name                    = "own-key"
  kms_master_key_id       = aws_kms_key.queues.id
  sqs_managed_sse_enabled = false
}

resource "aws_kms_key" "queues" {}
