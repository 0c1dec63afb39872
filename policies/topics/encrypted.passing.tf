resource "aws_sns_topic" "photos" {
  name              = "photos"
  kms_master_key_id = "alias/aws/sns"
}

resource "aws_sns_topic" "own" {
  name              = "own"
  kms_master_key_id = aws_kms_key.topics.arn
}

resource "aws_kms_key" "topics" {}
