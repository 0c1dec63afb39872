resource "aws_sqs_queue" "orders" {
  name           = "orders"
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.rest.arn, maxReceiveCount = 5 })
}

resource "aws_sqs_queue" "rest" {
  name = "orders-rest" # nothing comes after it
}

resource "aws_sqs_queue" "apart" {
  name = "apart"
}

resource "aws_sqs_queue_redrive_policy" "apart" {
  queue_url      = aws_sqs_queue.apart.id
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.rest.arn, maxReceiveCount = 5 })
}

resource "aws_sqs_queue" "dlq" {
  name = "events-dlq"
}

resource "aws_sqs_queue" "missed" {
  name = "missed-runs"
}

resource "aws_scheduler_schedule" "nightly" {
  schedule_expression = "rate(1 day)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:aws:lambda:eu-central-1:123456789012:function:report"
    role_arn = "arn:aws:iam::123456789012:role/scheduler"

    dead_letter_config {
      arn = aws_sqs_queue.missed.arn
    }
  }
}
