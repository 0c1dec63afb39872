# Statistic, period, number of periods and missing data are AWS's recommendations ("Best practice alarm recommendations
# for AWS services") unless a comment says otherwise. `runbook` names the document to open when the alarm rings.

locals {
  operators = {
    ">"  = "GreaterThanThreshold"
    ">=" = "GreaterThanOrEqualToThreshold"
    "<"  = "LessThanThreshold"
  }

  api_alarms = {
    api-errors = {
      meaning   = "More than 5 % of the API's requests ended in a 5xx for 3 minutes.", runbook = "api-errors"
      namespace = "AWS/ApiGateway", metric = "5XXError", dimensions = { ApiName = var.api.name, Stage = var.api.stage }
      statistic = "Average", operator = ">", threshold = 0.05, period = 60, periods = 3, missing = "missing"
    }
    api-latency = {
      meaning   = "One request in ten took the API longer than 2.5 seconds for 5 minutes.", runbook = "api-latency"
      namespace = "AWS/ApiGateway", metric = "Latency", dimensions = { ApiName = var.api.name, Stage = var.api.stage }
      statistic = "p90", operator = ">=", threshold = 2500, period = 60, periods = 5, missing = "missing"
    }
  }

  # Errors above 0: a function of ours handles what it expects, so any error that reaches Lambda is a bug or an outage.
  # Throttles are watched once, for the region (ours: AWS recommends it for each function): all functions draw on one pool
  # of concurrency, so that none of them is throttled alone, and the dashboard says who was.
  function_alarms = merge(
    {
      for name, function in var.functions : "function-${name}-errors" => {
        meaning   = "Function ${function.function_name} failed in each of 3 minutes.", runbook = "function-errors"
        namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = function.function_name }
        statistic = "Sum", operator = ">", threshold = 0, period = 60, periods = 3, missing = "missing"
      } if !function.raises_by_design
    },
    {
      for name in length(var.functions) > 0 ? ["functions-throttles"] : [] : name => {
        meaning   = "Functions were refused capacity in each of 5 minutes.", runbook = "function-throttles"
        namespace = "AWS/Lambda", metric = "Throttles", dimensions = {}
        statistic = "Sum", operator = ">=", threshold = 1, period = 60, periods = 5, missing = "missing"
      }
    },
  )

  # Where what was given up on waits, by the short name of whose it is.
  dead_letter_queues = merge(
    { for name, queue in var.queues : name => { name = queue.dead_letter_name } },
    var.failure_queues,
  )

  # The dead-letter alarm is ours, not AWS's (15 minutes of an average): one message there is one loss, and it stays until
  # somebody looks. An idle queue stops reporting, which is no alarm.
  queue_alarms = merge(
    {
      for name, queue in local.dead_letter_queues : "queue-${name}-dead-letters" => {
        meaning   = "What ${name} gave up on waits in ${queue.name}.", runbook = "dead-letter-queue"
        namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = queue.name }
        statistic = "Maximum", operator = ">=", threshold = 1, period = 60, periods = 1, missing = "notBreaching"
      }
    },
    {
      for name, queue in var.queues : "queue-${name}-age" => {
        meaning   = "The oldest message of ${queue.name} has waited longer than ${var.queue_age_seconds} seconds for 15 minutes.", runbook = "queue-backlog"
        namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = queue.name }
        statistic = "Maximum", operator = ">=", threshold = var.queue_age_seconds, period = 60, periods = 15, missing = "missing"
      }
    },
  )

  database_alarms = {
    database-cpu = {
      meaning   = "The database's CPU was busier than 90 % for 5 minutes.", runbook = "database-cpu"
      namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = { DBInstanceIdentifier = var.database.identifier }
      statistic = "Average", operator = ">", threshold = 90, period = 60, periods = 5, missing = "breaching"
    }
    # A tenth of the storage at the start: RDS grows it by itself at that point, so less means that it couldn't.
    database-storage = {
      meaning   = "Less than a tenth of the database's first ${var.database.storage_gb} GB is free.", runbook = "database-storage"
      namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = var.database.identifier }
      statistic = "Minimum", operator = "<", threshold = var.database.storage_gb * pow(1024, 3) / 10, period = 60, periods = 5, missing = "breaching"
    }
    database-connections = {
      meaning   = "More than 80 % of the database's ${var.database.max_connections} connections were in use for 5 minutes.", runbook = "database-connections"
      namespace = "AWS/RDS", metric = "DatabaseConnections", dimensions = { DBInstanceIdentifier = var.database.identifier }
      statistic = "Average", operator = ">", threshold = var.database.max_connections * 0.8, period = 60, periods = 5, missing = "breaching"
    }
  }

  # Ours: AWS recommends none for network load balancers. Three minutes let the group replace an instance unnoticed; a
  # group without instances reports nothing.
  service_alarms = {
    service-unhealthy-targets = {
      meaning    = "An instance of ${var.service.autoscaling_group} has failed its health check for 3 minutes.", runbook = "service-unhealthy-targets"
      namespace  = "AWS/NetworkELB", metric = "UnHealthyHostCount"
      dimensions = { LoadBalancer = var.service.load_balancer, TargetGroup = var.service.target_group }
      statistic  = "Maximum", operator = ">=", threshold = 1, period = 60, periods = 3, missing = "notBreaching"
    }
  }

  alarms = merge(
    local.api_alarms, local.function_alarms, local.queue_alarms, local.table_alarms, local.topic_alarms, local.workflow_alarms,
    local.stream_alarms, local.event_alarms, local.websocket_alarms, local.database_alarms, local.service_alarms,
  )

  edge_alarms = {
    edge-errors = {
      meaning   = "More than 5 % of the requests at the edge ended in a 5xx for 5 minutes.", runbook = "edge-errors"
      namespace = "AWS/CloudFront", metric = "5xxErrorRate", dimensions = { DistributionId = var.edge.distribution_id, Region = "Global" }
      statistic = "Average", operator = ">", threshold = 5, period = 60, periods = 5, missing = "missing"
    }
    # Ours: AWS recommends none for WAF. Every site is scanned all the time; a wave is worth a look, and no wave no report.
    edge-blocked-requests = {
      meaning   = "The web ACL blocked more than ${var.blocked_requests_per_5_minutes} requests in 5 minutes.", runbook = "waf-blocked-requests"
      namespace = "AWS/WAFV2", metric = "BlockedRequests", dimensions = { WebACL = var.edge.web_acl_name, Rule = "ALL" }
      statistic = "Sum", operator = ">", threshold = var.blocked_requests_per_5_minutes, period = 300, periods = 1, missing = "notBreaching"
    }
  }
}
