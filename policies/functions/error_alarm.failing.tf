resource "aws_lambda_function" "resize" { # finds: functions/error-alarm
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
}

resource "aws_cloudwatch_metric_alarm" "other" {
  alarm_name          = "other-errors"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = "other" }
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = 1
}
