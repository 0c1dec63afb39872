resource "aws_sfn_state_machine" "this" {
  name     = local.state_machine_name
  role_arn = aws_iam_role.state_machine.arn
  type     = "EXPRESS"

  definition = templatefile("${path.module}/state_machines/image-processing.asl.json", {
    partition        = local.partition
    image_validate   = module.function["image-validate"].function.arn
    image_resize     = module.function["image-resize"].function.arn
    image_filter     = module.function["image-filter"].function.arn
    image_optimise   = module.function["image-optimise"].function.arn
    photos_bucket    = var.photos.bucket.id
    bus_name         = var.bus.name
    table_name       = local.table_name
    topic_arn        = local.topic_arn
    dead_letters_url = aws_sqs_queue.dead_letters.url

    # Throttled isn't failed: it is tried for longer, and not all at the same moment.
    task_retry = jsonencode([
      { ErrorEquals = ["Lambda.TooManyRequestsException"], IntervalSeconds = 1, MaxAttempts = 6, BackoffRate = 2, MaxDelaySeconds = 20, JitterStrategy = "FULL" },
      { ErrorEquals = ["States.TaskFailed", "States.Timeout"], IntervalSeconds = 3, MaxAttempts = 2, BackoffRate = 1.5 },
    ])
    call_retry = jsonencode([
      { ErrorEquals = ["States.TaskFailed"], IntervalSeconds = 1, MaxAttempts = 5, BackoffRate = 2, MaxDelaySeconds = 10, JitterStrategy = "FULL" },
    ])
    failure = jsonencode({
      status = "failed"
      reason = "{% $substring($states.errorOutput.Error & ': ' & $string($states.errorOutput.Cause), 0, 500) %}"
    })
  })

  # An Express workflow has no other history than its log and what its functions write into the table.
  logging_configuration {
    level                  = "ALL"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.state_machine.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  depends_on = [aws_iam_role_policy.state_machine]
}

resource "aws_cloudwatch_log_group" "state_machine" {
  name              = "/aws/vendedlogs/states/${local.state_machine_name}"
  retention_in_days = var.function_defaults.log_retention_days
}

resource "aws_iam_role" "state_machine" {
  name = local.state_machine_name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.state_machine_arn }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "state_machine" {
  name = "work"
  role = aws_iam_role.state_machine.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for sid, permission in {
        CallItsFunctions = { Action = ["lambda:InvokeFunction"], Resource = [for function in module.function : function.function.arn] }
        PublishEvents    = { Action = ["events:PutEvents"], Resource = [var.bus.arn] }
        KeepRecords      = { Action = ["dynamodb:UpdateItem"], Resource = [local.table_arn] }
        Tell             = { Action = ["sns:Publish"], Resource = [local.topic_arn] }
        SetAside         = { Action = ["sqs:SendMessage"], Resource = [local.dead_letters_arn] }
        # Step Functions sets up its log delivery by actions that know no resources (AWS: "Logging using CloudWatch Logs").
        DeliverLogs = {
          Action = [
            "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
            "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
          ]
          Resource = ["*"]
        }
        SendTraces = { Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"], Resource = ["*"] }
      } : { Sid = sid, Effect = "Allow", Action = permission.Action, Resource = permission.Resource }
    ]
  })
}
