# Requests that wait: photos that were announced, and dead letters that were put back. The pipe hands them over as fast as
# executions end, and takes a message away once its execution has ended well.

resource "aws_sqs_queue" "requests" {
  name                       = local.requests_name
  sqs_managed_sse_enabled    = true
  message_retention_seconds  = 4 * 24 * 3600
  visibility_timeout_seconds = 360 # longer than an Express workflow can run

  redrive_policy = jsonencode({
    deadLetterTargetArn = local.dead_letters_arn
    maxReceiveCount     = 3
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheTopicOfPhotosAnnounces"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.requests_arn
      Condition = {
        ArnEquals    = { "aws:SourceArn" = var.photos.topic_arn }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })

  depends_on = [aws_sqs_queue.dead_letters]
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = local.dead_letters_name
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.requests_arn]
  })
}

# Lambda's records of events that image-start could not take. They are no requests, so they have a queue of their own.
resource "aws_sqs_queue" "failures" {
  name                      = local.failures_name
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600
}

resource "aws_sns_topic_subscription" "photos" {
  topic_arn            = var.photos.topic_arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.requests.arn
  raw_message_delivery = true
  filter_policy        = jsonencode({ event = ["photo.ready"] })
}

resource "aws_pipes_pipe" "requests" {
  name        = local.pipe_name
  description = "Requests from the queue into the state machine, one for each execution."
  role_arn    = aws_iam_role.pipe.arn
  source      = aws_sqs_queue.requests.arn
  target      = aws_sfn_state_machine.this.arn

  source_parameters {
    sqs_queue_parameters {
      batch_size = 1
    }
  }

  target_parameters {
    step_function_state_machine_parameters {
      invocation_type = "REQUEST_RESPONSE"
    }
  }

  depends_on = [aws_iam_role_policy.pipe]
}

resource "aws_iam_role" "pipe" {
  name = local.pipe_name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pipes.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.pipe_arn }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "pipe" {
  name = "work"
  role = aws_iam_role.pipe.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "TakeRequests", Effect = "Allow", Action = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], Resource = [local.requests_arn] },
      { Sid = "RunTheStateMachine", Effect = "Allow", Action = ["states:StartSyncExecution"], Resource = [local.state_machine_arn] },
    ]
  })
}
