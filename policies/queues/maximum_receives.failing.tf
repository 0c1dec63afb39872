resource "aws_sqs_queue" "once" {
  name           = "once"
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 1 }) # finds: queues/maximum-receives
}

resource "aws_sqs_queue" "ever" {
  name           = "ever"
  redrive_policy = "{\"deadLetterTargetArn\": \"${aws_sqs_queue.dead.arn}\", \"maxReceiveCount\": \"1000\"}" # finds: queues/maximum-receives
}

resource "aws_sqs_queue" "dead" {
  name = "dead"
}
