resource "aws_cloudwatch_log_group" "this" {
  name = "/app/events"
}

resource "aws_cloudwatch_log_resource_policy" "this" {
  policy_name = "events"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "logs:PutLogEvents", Principal = { Service = "events.amazonaws.com" },
    Resource = "${aws_cloudwatch_log_group.this.arn}:*" }]
  })
}

resource "aws_cloudwatch_event_bus" "this" {
  name = "orders"
}

resource "aws_cloudwatch_event_bus_policy" "this" {
  event_bus_name = aws_cloudwatch_event_bus.this.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "events:PutEvents", Principal = { AWS = "210987654321" }, Resource = aws_cloudwatch_event_bus.this.arn }]
  })
}
