resource "aws_sqs_queue" "orders" { # finds: queues/dead-letter-queue
  name = "orders"
}

resource "aws_sqs_queue" "each" { # finds: queues/dead-letter-queue
  for_each = toset(["photos"])
  name     = each.key
}

resource "aws_sqs_queue" "reports" { # finds: queues/dead-letter-queue
  name = "reports"
}

resource "aws_scheduler_schedule" "nightly" {
  schedule_expression = "rate(1 day)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sqs_queue.reports.arn
    role_arn = "arn:aws:iam::123456789012:role/scheduler"
  }
}
