output "alert_topic_arn" {
  description = "Topic that the region's alarms publish to."
  value       = module.alert_topic.arn
}

output "edge_alert_topic_arn" {
  description = "Topic (us-east-1) that the edge's alarms publish to."
  value       = module.edge_alert_topic.arn
}

output "dashboard_name" {
  description = "The environment's dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "alarm_names" {
  description = "Every alarm, those of the edge (in us-east-1) included."
  value = concat(
    [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.edge : alarm.alarm_name],
  )
}
