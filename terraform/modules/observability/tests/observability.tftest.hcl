mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:alerts" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000" }
  }
  mock_resource "aws_cloudwatch_metric_alarm" {
    defaults = { arn = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:an-alarm" }
  }
}

mock_provider "aws" {
  alias = "us_east_1"

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:111122223333:edge-alerts" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000" }
  }
}

variables {
  name_prefix = "opsctl-test"
  api         = { name = "opsctl-test-api", stage = "v1" }
  edge        = { distribution_id = "E1", web_acl_name = "opsctl-test-edge" }
  functions   = { thumbnail = { function_name = "opsctl-test-thumbnail" } }
  queues      = { photos = { name = "opsctl-test-photos", dead_letter_name = "opsctl-test-photos-dlq" } }
  database    = { identifier = "opsctl-test-mysql", storage_gb = 20, max_connections = 60 }
  service     = { load_balancer = "net/opsctl-test-service/1", target_group = "targetgroup/opsctl-test-service/1", autoscaling_group = "opsctl-test-service" }
}

run "every_part_has_its_alarms" {
  assert {
    condition = toset(output.alarm_names) == toset([
      for name in [
        "api-errors", "api-latency", "function-thumbnail-errors", "functions-throttles", "queue-photos-age",
        "queue-photos-dead-letters", "database-cpu", "database-storage", "database-connections", "service-unhealthy-targets",
        "edge-errors", "edge-blocked-requests",
      ] : "opsctl-test-${name}"
    ])
    error_message = "An alarm is missing or new: say so here."
  }
}

run "a_function_that_raises_by_design_has_no_alarm_on_errors" {
  command = plan
  variables {
    functions = { authorizer = { function_name = "opsctl-test-authorizer", raises_by_design = true } }
  }

  assert {
    condition     = [for name in output.alarm_names : name if strcontains(name, "function-")] == []
    error_message = "Each refused token would be counted as a fault."
  }
}

run "every_alarm_reaches_people_of_its_region_and_names_its_runbook" {
  assert {
    condition = alltrue(concat(
      [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:alerts"])],
      [for alarm in aws_cloudwatch_metric_alarm.edge : alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:111122223333:edge-alerts"])],
    ))
    error_message = "An alarm can act in its own region only."
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.edge)) : can(regex("Runbook: [a-z0-9-]+\\.$", alarm.alarm_description))])
    error_message = "Each description must end with the runbook to open."
  }
}

run "alarms_follow_what_aws_recommends" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["api-latency"].extended_statistic == "p90" && aws_cloudwatch_metric_alarm.this["api-latency"].statistic == null
      && aws_cloudwatch_metric_alarm.this["api-latency"].threshold == 2500 && aws_cloudwatch_metric_alarm.this["api-latency"].evaluation_periods == 5
    )
    error_message = "Latency: p90 of 2500 ms for 5 minutes."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["api-errors"].threshold == 0.05 && aws_cloudwatch_metric_alarm.this["api-errors"].evaluation_periods == 3 && aws_cloudwatch_metric_alarm.this["api-errors"].treat_missing_data == "missing"
    error_message = "5xx: 5 % for 3 minutes; no requests are no fault."
  }

  assert {
    condition     = alltrue([for name in ["database-cpu", "database-storage", "database-connections"] : aws_cloudwatch_metric_alarm.this[name].treat_missing_data == "breaching"])
    error_message = "A database that reports nothing is a fault."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["database-storage"].threshold == 2147483648 && aws_cloudwatch_metric_alarm.this["database-connections"].threshold == 48
    error_message = "A tenth of 20 GB, and 80 % of 60 connections."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["queue-photos-dead-letters"].dimensions.QueueName == "opsctl-test-photos-dlq" && aws_cloudwatch_metric_alarm.this["queue-photos-dead-letters"].threshold == 1
    error_message = "One dead letter is one loss."
  }
}

run "throttles_are_watched_once_for_all_functions" {
  command = plan
  variables {
    functions = { for name in ["a", "b", "c"] : name => { function_name = "opsctl-test-${name}" } }
  }

  assert {
    condition = (
      length([for name in output.alarm_names : name if strcontains(name, "throttles")]) == 1
      && length(coalesce(aws_cloudwatch_metric_alarm.this["functions-throttles"].dimensions, {})) == 0
    )
    error_message = "All functions draw on one pool: one alarm on the region's metric, which has no dimension."
  }
}

run "every_system_that_works_by_events_has_its_alarms" {
  command = plan
  variables {
    functions      = {}
    tables         = { orders = { name = "opsctl-test-orders" } }
    topics         = { orders = { name = "opsctl-test-orders" } }
    state_machines = { saga = { name = "opsctl-test-saga", arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:saga" }, says-no = { name = "no", arn = "arn:no", fails_by_design = true } }
    streams        = { orders = { name = "opsctl-test-orders" } }
    event_rules    = { placed = { name = "opsctl-test-placed", bus_name = "opsctl-test-events" }, arrived = { name = "opsctl-test-arrived" } }
    schedules      = { sweep = { name = "sweep", group = "opsctl-test" }, tidy = { name = "tidy", group = "opsctl-test" } }
    pipes          = { orders = { name = "opsctl-test-orders" } }
    websocket      = { id = "abc", stage = "live" }
    queues = {
      orders = { name = "opsctl-test-orders", dead_letter_name = "opsctl-test-orders-dlq" }
    }
    failure_queues = { notice = { name = "opsctl-test-notice-failures" } }
  }

  assert {
    condition = toset([for name in output.alarm_names : name if !can(regex("-(api|database|edge|service)-", name))]) == toset([
      for name in [
        "table-orders-throttles", "topic-orders-failures", "workflow-saga-failures", "workflow-saga-timeouts", "workflow-says-no-timeouts",
        "stream-orders-age", "stream-orders-throttles", "rule-placed-failures", "rule-arrived-failures",
        "schedule-sweep-dropped", "schedule-tidy-dropped", "pipe-orders-failures", "websocket-errors", "websocket-latency",
        "queue-orders-age", "queue-orders-dead-letters", "queue-notice-dead-letters",
      ] : "opsctl-test-${name}"
    ])
    error_message = "An alarm is missing or new: say so here."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["rule-placed-failures"].dimensions == tomap({ RuleName = "opsctl-test-placed", EventBusName = "opsctl-test-events" })
      && aws_cloudwatch_metric_alarm.this["rule-arrived-failures"].dimensions == tomap({ RuleName = "opsctl-test-arrived" })
    )
    error_message = "A rule of the default bus reports without the bus."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["stream-orders-age"].threshold == 300000 && aws_cloudwatch_metric_alarm.this["stream-orders-age"].treat_missing_data == "breaching"
    error_message = "A stream's age is in milliseconds, and a consumer that doesn't read is a fault."
  }
}

run "topics_are_encrypted_and_open_to_this_accounts_alarms_alone" {
  module {
    source = "./alert_topic"
  }
  providers = { aws = aws }
  variables {
    name              = "opsctl-test-alerts"
    email             = "ops@example.com"
    key_deletion_days = 7
  }

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == aws_kms_key.this.arn && aws_kms_key.this.enable_key_rotation
    error_message = "The topic must be encrypted by a key of ours: alarms can't use AWS's."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_sns_topic_policy.this.policy).Statement :
      statement.Principal.Service == "cloudwatch.amazonaws.com" && statement.Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    ])
    error_message = "Only alarms of this account may publish."
  }

  assert {
    condition     = aws_sns_topic_subscription.email[0].endpoint == "ops@example.com"
    error_message = "Who is named must be subscribed."
  }
}

run "the_dashboard_fills_its_grid_and_shows_every_alarm" {
  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24 && floor(widget.width) == widget.width])
    error_message = "A dashboard is 24 columns wide."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.alarms) == length(aws_cloudwatch_metric_alarm.this)
    error_message = "The first row must show every alarm."
  }
}

run "a_dashboard_of_a_hundred_functions_is_within_cloudwatchs_limits" {
  variables {
    functions = { for number in range(100) : "function-${number}" => { function_name = "opsctl-test-${number}" } }
  }

  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      length(try(widget.properties.metrics, [])) <= 500 && length(try(widget.properties.alarms, [])) <= 100
    ])
    error_message = "A widget shows 500 metrics, or 100 alarms."
  }

  assert {
    condition     = sum([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : length(try(widget.properties.metrics, []))]) <= 2500
    error_message = "A dashboard shows 2,500 metrics."
  }

  assert {
    condition     = sum([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : length(try(widget.properties.alarms, []))]) == length(aws_cloudwatch_metric_alarm.this)
    error_message = "Every alarm must be shown."
  }
}

run "what_there_is_not_has_no_chart" {
  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "WebSocket") && !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "AWS/Kinesis")
    error_message = "A chart without metrics is an error to CloudWatch."
  }
}

run "malformed_words_are_refused" {
  command = plan
  variables {
    name_prefix                    = "Opsctl_Test"
    alert_email                    = "somebody"
    queue_age_seconds              = 1
    stream_age_seconds             = 86400
    blocked_requests_per_5_minutes = 0
    key_deletion_days              = 1
  }
  expect_failures = [var.name_prefix, var.alert_email, var.queue_age_seconds, var.stream_age_seconds, var.blocked_requests_per_5_minutes, var.key_deletion_days]
}
