# Two pipes, which need no code: changes of the table into the stream, and what is to be sent out of it.

locals {
  pipes = {
    order-changes = {
      description = "Changes of the orders table into the order stream."
      permissions = {
        ReadTheTable   = { Action = ["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"], Resource = var.orders_stream_arn }
        ListStreams    = { Action = ["dynamodb:ListStreams"], Resource = "*" } # has no resource
        WriteTheStream = { Action = ["kinesis:PutRecord", "kinesis:PutRecords"], Resource = aws_kinesis_stream.orders.arn }
      }
    }
    order-shipments = {
      description = "Confirmed orders out of the order stream into the queue of shipments."
      permissions = {
        ReadTheStream = { Action = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards"], Resource = aws_kinesis_stream.orders.arn }
        ListStreams   = { Action = ["kinesis:ListStreams"], Resource = "*" } # has no resource
        TellTheQueue  = { Action = ["sqs:SendMessage"], Resource = local.queue_arns["shipments"] }
      }
    }
  }
}

resource "aws_iam_role" "pipe" {
  for_each = local.pipes

  name = "${var.name_prefix}-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pipes.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "${local.arn}:pipes:${local.region}:${local.account_id}:pipe/${var.name_prefix}-${each.key}" }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "pipe" {
  for_each = local.pipes

  name = "work"
  role = aws_iam_role.pipe[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for sid, permission in each.value.permissions : merge({ Sid = sid, Effect = "Allow" }, permission)],
      [{ Sid = "SetAsideWhatFailed", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = local.queue_arns["pipe-failures"] }],
    )
  })
}

resource "aws_pipes_pipe" "order_changes" {
  name        = aws_iam_role.pipe["order-changes"].name
  description = local.pipes.order-changes.description
  role_arn    = aws_iam_role.pipe["order-changes"].arn
  source      = var.orders_stream_arn
  target      = aws_kinesis_stream.orders.arn

  source_parameters {
    # Only what is an order: a template with a field that is missing would be no JSON.
    filter_criteria {
      filter {
        pattern = jsonencode({
          eventName = ["INSERT", "MODIFY"]
          dynamodb = { NewImage = {
            transaction_id = { S = [{ exists = true }] }
            customer_id    = { S = [{ exists = true }] }
            status         = { S = [{ exists = true }] }
            total_cents    = { N = [{ exists = true }] }
            correlation_id = { S = [{ exists = true }] }
            updated_at     = { S = [{ exists = true }] }
          } }
        })
      }
    }

    dynamodb_stream_parameters {
      starting_position                  = "TRIM_HORIZON"
      batch_size                         = 100
      maximum_batching_window_in_seconds = 0
      maximum_record_age_in_seconds      = -1
      maximum_retry_attempts             = -1 # a stream that is throttled is waited for: what came first must go first
      on_partial_batch_item_failure      = "AUTOMATIC_BISECT"
      parallelization_factor             = 1

      dead_letter_config {
        arn = local.queue_arns["pipe-failures"]
      }
    }
  }

  target_parameters {
    input_template = <<-JSON
      {
        "event_id": <$.eventID>,
        "sequence": <$.dynamodb.SequenceNumber>,
        "transaction_id": <$.dynamodb.NewImage.transaction_id.S>,
        "customer_id": <$.dynamodb.NewImage.customer_id.S>,
        "status": <$.dynamodb.NewImage.status.S>,
        "total_cents": <$.dynamodb.NewImage.total_cents.N>,
        "correlation_id": <$.dynamodb.NewImage.correlation_id.S>,
        "at": <$.dynamodb.NewImage.updated_at.S>
      }
    JSON

    kinesis_stream_parameters {
      partition_key = "$.dynamodb.NewImage.transaction_id.S"
    }
  }

  depends_on = [aws_iam_role_policy.pipe]
}

resource "aws_pipes_pipe" "shipments" {
  name        = aws_iam_role.pipe["order-shipments"].name
  description = local.pipes.order-shipments.description
  role_arn    = aws_iam_role.pipe["order-shipments"].arn
  source      = aws_kinesis_stream.orders.arn
  target      = local.queue_arns["shipments"]

  source_parameters {
    filter_criteria {
      filter {
        pattern = jsonencode({ data = { status = ["confirmed"] } })
      }
    }

    kinesis_stream_parameters {
      starting_position                  = "TRIM_HORIZON"
      batch_size                         = 10 # the most that SQS takes in one call
      maximum_batching_window_in_seconds = 0
      maximum_record_age_in_seconds      = -1
      maximum_retry_attempts             = -1
      on_partial_batch_item_failure      = "AUTOMATIC_BISECT"
      parallelization_factor             = 1

      dead_letter_config {
        arn = local.queue_arns["pipe-failures"]
      }
    }
  }

  target_parameters {
    input_template = <<-JSON
      {
        "event_id": <$.data.event_id>,
        "transaction_id": <$.data.transaction_id>,
        "customer_id": <$.data.customer_id>,
        "correlation_id": <$.data.correlation_id>,
        "at": <$.data.at>
      }
    JSON
  }

  depends_on = [aws_iam_role_policy.pipe, aws_sqs_queue.shipments]
}

# The warehouse takes its work from here.
resource "aws_sqs_queue" "shipments" {
  name                      = "${var.name_prefix}-shipments"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600
}

# What a pipe gave up, as the stream's numbers: the records themselves are in the stream.
resource "aws_sqs_queue" "pipe_failures" {
  name                      = "${var.name_prefix}-pipe-failures"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600
}
