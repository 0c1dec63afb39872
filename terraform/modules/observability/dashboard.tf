locals {
  region = data.aws_region.current.id

  # One row for each part, in the order that a request meets them; four columns of six.
  charts = [
    [
      { title = "Edge: requests", region = "us-east-1", statistic = "Sum", metrics = [["AWS/CloudFront", "Requests", "DistributionId", var.edge.distribution_id, "Region", "Global"]] },
      { title = "Edge: 5xx, %", region = "us-east-1", statistic = "Average", metrics = [["AWS/CloudFront", "5xxErrorRate", "DistributionId", var.edge.distribution_id, "Region", "Global"]] },
      { title = "Edge: blocked by the web ACL", region = "us-east-1", statistic = "Sum", metrics = [["AWS/WAFV2", "BlockedRequests", "WebACL", var.edge.web_acl_name, "Rule", "ALL"]] },
    ],
    [
      { title = "API: requests", region = local.region, statistic = "Sum", metrics = [["AWS/ApiGateway", "Count", "ApiName", var.api.name, "Stage", var.api.stage]] },
      { title = "API: errors", region = local.region, statistic = "Sum", metrics = [for metric in ["4XXError", "5XXError"] : ["AWS/ApiGateway", metric, "ApiName", var.api.name, "Stage", var.api.stage]] },
      { title = "API: slowest tenth, ms", region = local.region, statistic = "p90", metrics = [for metric in ["Latency", "IntegrationLatency"] : ["AWS/ApiGateway", metric, "ApiName", var.api.name, "Stage", var.api.stage]] },
    ],
    [
      { title = "Functions: calls", region = local.region, statistic = "Sum", metrics = [for function in var.functions : ["AWS/Lambda", "Invocations", "FunctionName", function.function_name]] },
      { title = "Functions: errors and throttles", region = local.region, statistic = "Sum", metrics = concat([], [for function in var.functions : [for metric in ["Errors", "Throttles"] : ["AWS/Lambda", metric, "FunctionName", function.function_name]]]...) },
      { title = "Functions: slowest tenth, ms", region = local.region, statistic = "p90", metrics = [for function in var.functions : ["AWS/Lambda", "Duration", "FunctionName", function.function_name]] },
    ],
    [
      { title = "Queues: waiting", region = local.region, statistic = "Maximum", metrics = [for queue in var.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name]] },
      { title = "Queues: oldest message, s", region = local.region, statistic = "Maximum", metrics = [for queue in var.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name]] },
      { title = "Queues: dead letters", region = local.region, statistic = "Maximum", metrics = [for queue in var.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.dead_letter_name]] },
    ],
    [
      { title = "Service: healthy and unhealthy instances", region = local.region, statistic = "Maximum", metrics = [for metric in ["HealthyHostCount", "UnHealthyHostCount"] : ["AWS/NetworkELB", metric, "LoadBalancer", var.service.load_balancer, "TargetGroup", var.service.target_group]] },
      { title = "Service: CPU, %", region = local.region, statistic = "Average", metrics = [["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", var.service.autoscaling_group]] },
      { title = "Database: CPU, %", region = local.region, statistic = "Average", metrics = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", var.database.identifier]] },
      { title = "Database: connections", region = local.region, statistic = "Average", metrics = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", var.database.identifier]] },
    ],
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name_prefix
  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type       = "alarm"
        x          = 0
        y          = 0
        width      = 24
        height     = 3
        properties = { title = "Alarms", alarms = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn] }
      }],
      flatten([
        for row, charts in local.charts : [
          for column, chart in charts : {
            type   = "metric"
            x      = column * 24 / length(charts)
            y      = 3 + row * 6
            width  = 24 / length(charts)
            height = 6
            properties = {
              title   = chart.title
              region  = chart.region
              stat    = chart.statistic
              metrics = chart.metrics
              period  = 60
              view    = "timeSeries"
            }
          }
        ]
      ]),
    )
  })
}
