resource "aws_cloudwatch_metric_alarm" "errors" { # finds: alarms/without-action
  alarm_name = "errors"
}
