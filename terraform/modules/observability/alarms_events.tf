# Alarms of the systems that work by events. As in alarms.tf: AWS's recommendation unless a comment says that it is ours.

locals {
  # Writes only (AWS recommends reads, too; threshold ours): tables are on demand, where throttling means one hot key, and
  # it is writers who make one. A throttled read ends as an error of its function.
  table_alarms = {
    for name, table in var.tables : "table-${name}-throttles" => {
      meaning   = "Writes to table ${table.name} were throttled in each of 5 minutes.", runbook = "table-throttles"
      namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents", dimensions = { TableName = table.name }
      statistic = "Sum", operator = ">", threshold = 0, period = 60, periods = 5, missing = "notBreaching"
    }
  }

  # One minute instead of AWS's five, threshold ours: SNS counts a notification as failed when it has given up on it.
  topic_alarms = {
    for name, topic in var.topics : "topic-${name}-failures" => {
      meaning   = "Topic ${topic.name} gave up on notifications.", runbook = "topic-failures"
      namespace = "AWS/SNS", metric = "NumberOfNotificationsFailed", dimensions = { TopicName = topic.name }
      statistic = "Sum", operator = ">", threshold = 0, period = 60, periods = 1, missing = "notBreaching"
    }
  }

  # Ours: AWS recommends none for Step Functions. An execution ends as failed when none of its Retry and Catch helped, and
  # nobody starts it again. One that fails_by_design (to say no) has no alarm on that.
  workflow_alarms = merge(
    {
      for name, machine in var.state_machines : "workflow-${name}-failures" => {
        meaning   = "Executions of ${machine.name} failed.", runbook = "workflow-failures"
        namespace = "AWS/States", metric = "ExecutionsFailed", dimensions = { StateMachineArn = machine.arn }
        statistic = "Sum", operator = ">", threshold = 0, period = 60, periods = 1, missing = "notBreaching"
      } if !machine.fails_by_design
    },
    {
      for name, machine in var.state_machines : "workflow-${name}-timeouts" => {
        meaning   = "Executions of ${machine.name} took longer than they may.", runbook = "workflow-timeouts"
        namespace = "AWS/States", metric = "ExecutionsTimedOut", dimensions = { StateMachineArn = machine.arn }
        statistic = "Sum", operator = ">", threshold = 0, period = 60, periods = 1, missing = "notBreaching"
      }
    },
  )

  # Thresholds ours. No data is a fault: a consumer that works asks all the time.
  stream_alarms = merge(
    {
      for name, stream in var.streams : "stream-${name}-age" => {
        meaning   = "A consumer of ${stream.name} has been more than ${var.stream_age_seconds} seconds behind for 15 minutes, or reads no more.", runbook = "stream-backlog"
        namespace = "AWS/Kinesis", metric = "GetRecords.IteratorAgeMilliseconds", dimensions = { StreamName = stream.name }
        statistic = "Maximum", operator = ">", threshold = var.stream_age_seconds * 1000, period = 60, periods = 15, missing = "breaching"
      }
    },
    {
      for name, stream in var.streams : "stream-${name}-throttles" => {
        meaning   = "Writers to ${stream.name} were refused in each of 5 minutes.", runbook = "stream-throttles"
        namespace = "AWS/Kinesis", metric = "WriteProvisionedThroughputExceeded", dimensions = { StreamName = stream.name }
        statistic = "Average", operator = ">", threshold = 0, period = 60, periods = 5, missing = "notBreaching"
      }
    },
  )

  # Ours, but for the schedules': AWS recommends none for rules and pipes. Each of them has retried by then. Batch has no
  # metrics of jobs: what fails there is set aside in a failure queue, which has its alarm.
  event_alarms = merge(
    {
      for name, rule in var.event_rules : "rule-${name}-failures" => {
        meaning   = "Rule ${rule.name} gave up on its target.", runbook = "rule-failures"
        namespace = "AWS/Events", metric = "FailedInvocations"
        # A rule of the default bus reports without the bus's name.
        dimensions = merge({ RuleName = rule.name }, rule.bus_name == "default" ? {} : { EventBusName = rule.bus_name })
        statistic  = "Sum", operator = ">", threshold = 0, period = 60, periods = 1, missing = "notBreaching"
      }
    },
    {
      for name, schedule in var.schedules : "schedule-${name}-dropped" => {
        meaning   = "A schedule of group ${schedule.group}, where ${schedule.name} is, gave up on its target.", runbook = "schedule-failures"
        namespace = "AWS/Scheduler", metric = "InvocationDroppedCount", dimensions = { ScheduleGroup = schedule.group }
        statistic = "Sum", operator = ">", threshold = 0, period = 60, periods = 1, missing = "notBreaching"
      }
    },
    {
      for name, pipe in var.pipes : "pipe-${name}-failures" => {
        meaning   = "Pipe ${pipe.name} failed in each of 3 minutes.", runbook = "pipe-failures"
        namespace = "AWS/EventBridge/Pipes", metric = "ExecutionFailed", dimensions = { PipeName = pipe.name }
        statistic = "Sum", operator = ">", threshold = 0, period = 60, periods = 3, missing = "notBreaching"
      }
    },
  )

  websocket_alarms = merge([
    for api in var.websocket[*] : {
      websocket-errors = {
        meaning   = "More than 5 % of the WebSocket API's messages could not reach their function for 3 minutes.", runbook = "websocket-errors"
        namespace = "AWS/ApiGateway", metric = "ExecutionError", dimensions = { ApiId = api.id, Stage = api.stage }
        statistic = "Average", operator = ">", threshold = 0.05, period = 60, periods = 3, missing = "missing"
      }
      websocket-latency = {
        meaning   = "One message in ten took the WebSocket API's function longer than 2 seconds for 5 minutes.", runbook = "websocket-latency"
        namespace = "AWS/ApiGateway", metric = "IntegrationLatency", dimensions = { ApiId = api.id, Stage = api.stage }
        statistic = "p90", operator = ">=", threshold = 2000, period = 60, periods = 5, missing = "missing"
      }
    }
  ]...)
}
