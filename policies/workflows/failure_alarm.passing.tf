resource "aws_sfn_state_machine" "lists" {
  name       = "lists"
  role_arn   = "arn:aws:iam::123456789012:role/lists"
  definition = "{}"
}

resource "aws_cloudwatch_metric_alarm" "lists" {
  alarm_name          = "lists"
  namespace           = "AWS/States"
  metric_name         = "ExecutionsFailed"
  dimensions          = { StateMachineArn = aws_sfn_state_machine.lists.arn }
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = 0
}
