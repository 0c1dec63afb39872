# Both are Standard: one keeps a history to prove what it did, the other waits for people. Each has one role, with what
# its own states call.

locals {
  state_machine_names = { for name in ["lists", "release"] : name => "${var.name_prefix}-${name}" }
  state_machine_arns  = { for name, machine in local.state_machine_names : name => "arn:${local.partition}:states:${local.region}:${local.account_id}:stateMachine:${machine}" }

  state_machines = {
    lists = {
      definition = templatefile("${path.module}/state_machines/lists.asl.json", {
        partition      = local.partition
        list_validate  = module.function["list-validate"].function.arn
        list_transform = module.function["list-transform"].function.arn
        list_notify    = module.function["list-notify"].function.arn
        failures_url   = aws_sqs_queue.failures.url
      })
      permissions = {
        CallItsFunctions = { Action = ["lambda:InvokeFunction"], Resource = [for name in ["list-validate", "list-transform", "list-notify"] : module.function[name].function.arn] }
        KeepFailures     = { Action = ["sqs:SendMessage"], Resource = [local.failures_arn] }
      }
    }
    release = {
      definition = templatefile("${path.module}/state_machines/release.asl.json", {
        partition                = local.partition
        approval_check           = module.function["approval-check"].function.arn
        topic_arn                = aws_sns_topic.this.arn
        approvals_table          = aws_dynamodb_table.approvals.name
        approval_timeout_seconds = var.approval_timeout_seconds
      })
      permissions = {
        CallItsFunctions = { Action = ["lambda:InvokeFunction"], Resource = [module.function["approval-check"].function.arn] }
        KeepApprovals    = { Action = ["dynamodb:PutItem", "dynamodb:UpdateItem"], Resource = [local.table_arns.approvals] }
        Announce         = { Action = ["sns:Publish"], Resource = [aws_sns_topic.this.arn] }
      }
    }
  }
}

resource "aws_cloudwatch_log_group" "state_machine" {
  for_each = local.state_machine_names

  name              = "/aws/vendedlogs/states/${each.value}"
  retention_in_days = var.function_defaults.log_retention_days
}

resource "aws_iam_role" "state_machine" {
  for_each = local.state_machine_names

  name = each.value
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.state_machine_arns[each.key] }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "state_machine" {
  for_each = local.state_machines

  name = "work"
  role = aws_iam_role.state_machine[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for sid, permission in merge(each.value.permissions, {
        # Step Functions sets up its log delivery by actions that know no resources (AWS: "Logging using CloudWatch Logs").
        DeliverLogs = {
          Action = [
            "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
            "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
          ]
          Resource = ["*"]
        }
        SendTraces = { Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"], Resource = ["*"] }
      }) : { Sid = sid, Effect = "Allow", Action = permission.Action, Resource = permission.Resource }
    ]
  })
}

resource "aws_sfn_state_machine" "this" {
  for_each = local.state_machines

  name       = local.state_machine_names[each.key]
  role_arn   = aws_iam_role.state_machine[each.key].arn
  type       = "STANDARD"
  definition = each.value.definition

  # Errors only, and without the data: a task token is a credential.
  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.state_machine[each.key].arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  depends_on = [aws_iam_role_policy.state_machine]
}

resource "aws_cloudwatch_event_rule" "list_arrived" {
  name        = local.rule_name
  description = "A list was put into ${local.bucket_names.lists}."
  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [local.bucket_names.lists] }
      object = { key = [{ prefix = "lists/incoming/" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "list_arrived" {
  rule     = aws_cloudwatch_event_rule.list_arrived.name
  arn      = aws_sfn_state_machine.this["lists"].arn
  role_arn = aws_iam_role.start.arn

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 20
  }

  dead_letter_config {
    arn = local.failures_arn
  }
}

resource "aws_iam_role" "start" {
  name = "${var.name_prefix}-list-arrived"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.rule_arn }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "start" {
  name = "work"
  role = aws_iam_role.start.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartExecutions"
      Effect   = "Allow"
      Action   = ["states:StartExecution"]
      Resource = [local.state_machine_arns.lists]
    }]
  })
}
