resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name    = "errors"
  alarm_actions = ["arn:aws:sns:eu-central-1:123456789012:alerts"]
}

resource "aws_cloudwatch_metric_alarm" "part" {
  alarm_name = "part"
}

resource "aws_cloudwatch_composite_alarm" "all" {
  alarm_name    = "all"
  alarm_rule    = "ALARM(${aws_cloudwatch_metric_alarm.part.alarm_name})"
  alarm_actions = ["arn:aws:sns:eu-central-1:123456789012:alerts"]
}
