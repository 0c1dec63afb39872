resource "aws_sfn_state_machine" "approval" {
  name     = "approval"
  role_arn = "arn:aws:iam::123456789012:role/approval"
  definition = jsonencode({ # finds: workflows/timeout
    StartAt        = "Ask"
    TimeoutSeconds = 3600
    States = {
      Ask = {
        Type       = "Task"
        Resource   = "arn:aws:states:::lambda:invoke"
        Parameters = { FunctionName = aws_lambda_function.ask.arn }
        End        = true
      }
    }
  })
}

resource "aws_lambda_function" "ask" {}
