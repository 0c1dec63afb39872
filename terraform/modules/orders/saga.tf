# Orchestration: money and stock must be undone together, so one place knows the order of the steps and how to undo them.

locals {
  charge_timeout_seconds = 10
}

resource "aws_cloudwatch_log_group" "saga" {
  name              = "/aws/vendedlogs/states/${local.saga_name}"
  retention_in_days = var.function_defaults.log_retention_days
}

resource "aws_iam_role" "saga" {
  name = local.saga_name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnLike      = { "aws:SourceArn" = local.saga_arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "saga" {
  name = "work"
  role = aws_iam_role.saga.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "SeeWhereTheOrderStands", Effect = "Allow", Action = ["dynamodb:GetItem"], Resource = [aws_dynamodb_table.this["orders"].arn] },
      { Sid = "TakeTheSteps", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [module.charge.function.arn, module.settle.function.arn] },
      { Sid = "Announce", Effect = "Allow", Action = ["events:PutEvents"], Resource = [var.event_bus.arn] },
      { Sid = "SetAside", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.dead_letters["payments"].arn] },
      # CloudWatch Logs' delivery and X-Ray have no resources to name.
      {
        Sid      = "DeliverLogsAndTraces"
        Effect   = "Allow"
        Action   = ["logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups", "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
        Resource = ["*"]
      },
    ]
  })
}

resource "aws_sfn_state_machine" "saga" {
  name     = local.saga_name
  type     = "STANDARD"
  role_arn = aws_iam_role.saga.arn
  definition = templatefile("${path.module}/saga.asl.json", {
    partition        = local.partition
    orders_table     = aws_dynamodb_table.this["orders"].name
    charge_function  = module.charge.function.arn
    settle_function  = module.settle.function.arn
    event_bus        = var.event_bus.name
    dead_letters_url = aws_sqs_queue.dead_letters["payments"].url
    retry_seconds    = var.payment_retry.interval_seconds
    retry_attempts   = var.payment_retry.attempts
    refund_attempts  = var.payment_retry.refund_attempts
  })

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false # orders name people
    log_destination        = "${aws_cloudwatch_log_group.saga.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  depends_on = [aws_iam_role_policy.saga]
}
