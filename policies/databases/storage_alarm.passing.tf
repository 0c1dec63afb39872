resource "aws_db_instance" "main" {
  identifier = "main"
  engine     = "mysql"
}

resource "aws_cloudwatch_metric_alarm" "storage" {
  alarm_name          = "storage"
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.main.identifier }
  comparison_operator = "LessThanThreshold"
  evaluation_periods  = 1
  threshold           = 10000000000
}
