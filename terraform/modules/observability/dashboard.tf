locals {
  region = data.aws_region.current.id

  # One row for each part, in the order that a request meets them; three or four columns of 24.
  all_charts = [
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
      { title = "Queues: dead letters", region = local.region, statistic = "Maximum", metrics = [for queue in distinct([for queue in values(local.dead_letter_queues) : queue.name]) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]] },
    ],
    [
      { title = "Topics: published", region = local.region, statistic = "Sum", metrics = [for topic in var.topics : ["AWS/SNS", "NumberOfMessagesPublished", "TopicName", topic.name]] },
      { title = "Topics: given up on", region = local.region, statistic = "Sum", metrics = [for topic in var.topics : ["AWS/SNS", "NumberOfNotificationsFailed", "TopicName", topic.name]] },
      { title = "Streams: records written", region = local.region, statistic = "Sum", metrics = [for stream in var.streams : ["AWS/Kinesis", "IncomingRecords", "StreamName", stream.name]] },
      { title = "Streams: slowest consumer behind, ms", region = local.region, statistic = "Maximum", metrics = [for stream in var.streams : ["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", stream.name]] },
    ],
    [
      { title = "Workflows: started", region = local.region, statistic = "Sum", metrics = [for machine in var.state_machines : ["AWS/States", "ExecutionsStarted", "StateMachineArn", machine.arn]] },
      { title = "Workflows: failed or timed out", region = local.region, statistic = "Sum", metrics = concat([], [for machine in var.state_machines : [for metric in ["ExecutionsFailed", "ExecutionsTimedOut"] : ["AWS/States", metric, "StateMachineArn", machine.arn]]]...) },
      { title = "Workflows: slowest tenth, ms", region = local.region, statistic = "p90", metrics = [for machine in var.state_machines : ["AWS/States", "ExecutionTime", "StateMachineArn", machine.arn]] },
    ],
    [
      { title = "Rules: matched", region = local.region, statistic = "Sum", metrics = [for rule in var.event_rules : concat(["AWS/Events", "TriggeredRules", "RuleName", rule.name], rule.bus_name == "default" ? [] : ["EventBusName", rule.bus_name])] },
      { title = "Rules: given up on", region = local.region, statistic = "Sum", metrics = [for rule in var.event_rules : concat(["AWS/Events", "FailedInvocations", "RuleName", rule.name], rule.bus_name == "default" ? [] : ["EventBusName", rule.bus_name])] },
      { title = "Schedules: attempts", region = local.region, statistic = "Sum", metrics = [for group in distinct([for schedule in var.schedules : schedule.group]) : ["AWS/Scheduler", "InvocationAttemptCount", "ScheduleGroup", group]] },
      { title = "Pipes: failed", region = local.region, statistic = "Sum", metrics = [for pipe in var.pipes : ["AWS/EventBridge/Pipes", "ExecutionFailed", "PipeName", pipe.name]] },
    ],
    [
      { title = "Tables: units written", region = local.region, statistic = "Sum", metrics = [for table in var.tables : ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", table.name]] },
      { title = "Tables: units read", region = local.region, statistic = "Sum", metrics = [for table in var.tables : ["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", table.name]] },
      { title = "Tables: throttled", region = local.region, statistic = "Sum", metrics = concat([], [for table in var.tables : [for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : ["AWS/DynamoDB", metric, "TableName", table.name]]]...) },
    ],
    [
      { title = "WebSocket: connects and messages", region = local.region, statistic = "Sum", metrics = concat([], [for api in var.websocket[*] : [for metric in ["ConnectCount", "MessageCount"] : ["AWS/ApiGateway", metric, "ApiId", api.id, "Stage", api.stage]]]...) },
      { title = "WebSocket: errors", region = local.region, statistic = "Sum", metrics = concat([], [for api in var.websocket[*] : [for metric in ["ClientError", "ExecutionError", "IntegrationError"] : ["AWS/ApiGateway", metric, "ApiId", api.id, "Stage", api.stage]]]...) },
      { title = "WebSocket: slowest tenth, ms", region = local.region, statistic = "p90", metrics = [for api in var.websocket[*] : ["AWS/ApiGateway", "IntegrationLatency", "ApiId", api.id, "Stage", api.stage]] },
    ],
    [
      { title = "Service: healthy and unhealthy instances", region = local.region, statistic = "Maximum", metrics = [for metric in ["HealthyHostCount", "UnHealthyHostCount"] : ["AWS/NetworkELB", metric, "LoadBalancer", var.service.load_balancer, "TargetGroup", var.service.target_group]] },
      { title = "Service: CPU, %", region = local.region, statistic = "Average", metrics = [["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", var.service.autoscaling_group]] },
      { title = "Database: CPU, %", region = local.region, statistic = "Average", metrics = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", var.database.identifier]] },
      { title = "Database: connections", region = local.region, statistic = "Average", metrics = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", var.database.identifier]] },
    ],
  ]

  # What the environment hasn't got has no chart.
  filled_charts = [for charts in local.all_charts : [for chart in charts : chart if length(chart.metrics) > 0]]
  charts        = [for charts in local.filled_charts : charts if length(charts) > 0]

  # CloudWatch shows 100 alarms in one widget.
  alarm_pages = chunklist([for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn], 100)
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name_prefix
  dashboard_body = jsonencode({
    widgets = concat(
      [for page, alarms in local.alarm_pages : {
        type       = "alarm"
        x          = 0
        y          = page * 3
        width      = 24
        height     = 3
        properties = { title = "Alarms", alarms = alarms }
      }],
      flatten([
        for row, charts in local.charts : [
          for column, chart in charts : {
            type   = "metric"
            x      = column * 24 / length(charts)
            y      = length(local.alarm_pages) * 3 + row * 6
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
