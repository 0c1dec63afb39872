resource "aws_cloudwatch_event_target" "orders" { # finds: events/target-dead-letter-queue
  rule = "orders"
  arn  = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
}

resource "aws_scheduler_schedule" "nightly" {
  name                = "nightly"
  schedule_expression = "cron(0 3 * * ? *)"

  flexible_time_window {
    mode = "OFF"
  }

  target { # finds: events/target-dead-letter-queue
    arn      = "arn:aws:lambda:eu-central-1:123456789012:function:nightly"
    role_arn = "arn:aws:iam::123456789012:role/nightly"
  }
}
