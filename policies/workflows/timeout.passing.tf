resource "aws_sfn_state_machine" "approval" {
  name     = "approval"
  role_arn = "arn:aws:iam::123456789012:role/approval"
  definition = jsonencode({
    StartAt        = "Ask"
    TimeoutSeconds = 3600
    States = {
      Ask = {
        Type           = "Task"
        Resource       = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
        TimeoutSeconds = 600
        Parameters     = { QueueUrl = aws_sqs_queue.ask.url, MessageBody = { "Token.$" = "$$.Task.Token" } }
        End            = true
      }
    }
  })
}

resource "aws_sqs_queue" "ask" {}
