resource "aws_sfn_state_machine" "images" {
  name     = "images"
  role_arn = "arn:aws:iam::123456789012:role/images"
  definition = jsonencode({
    StartAt        = "Resize"
    TimeoutSeconds = 60
    States = {
      Resize = {
        Type     = "Task"
        Resource = aws_lambda_function.resize.arn
        Retry    = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 3, MaxAttempts = 2, BackoffRate = 1.5 }]
        End      = true
      }
    }
  })
}

resource "aws_lambda_function" "resize" {}
