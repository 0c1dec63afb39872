data "aws_region" "current" {}

module "alert_topic" {
  source = "./alert_topic"

  name              = "${var.name_prefix}-alerts"
  email             = var.alert_email
  key_deletion_days = var.key_deletion_days
}

module "edge_alert_topic" {
  source    = "./alert_topic"
  providers = { aws = aws.us_east_1 }

  name              = "${var.name_prefix}-edge-alerts"
  email             = var.alert_email
  key_deletion_days = var.key_deletion_days
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name_prefix}-${each.key}"
  alarm_description   = "${each.value.meaning} Runbook: ${each.value.runbook}."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = local.operators[each.value.operator]
  threshold           = each.value.threshold
  period              = each.value.period
  datapoints_to_alarm = each.value.periods
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [module.alert_topic.arn]
  ok_actions          = [module.alert_topic.arn]
}

resource "aws_cloudwatch_metric_alarm" "edge" {
  for_each = local.edge_alarms
  provider = aws.us_east_1

  alarm_name          = "${var.name_prefix}-${each.key}"
  alarm_description   = "${each.value.meaning} Runbook: ${each.value.runbook}."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = local.operators[each.value.operator]
  threshold           = each.value.threshold
  period              = each.value.period
  datapoints_to_alarm = each.value.periods
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [module.edge_alert_topic.arn]
  ok_actions          = [module.edge_alert_topic.arn]
}
