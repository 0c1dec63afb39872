resource "aws_cloudwatch_metric_alarm" "errors" { # finds: alarms/missing-data
  alarm_name = "errors"
}
