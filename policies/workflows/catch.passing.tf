resource "aws_sfn_state_machine" "images" {
  name     = "images"
  role_arn = "arn:aws:iam::123456789012:role/images"
  definition = jsonencode({
    StartAt = "Resize"
    States = {
      Resize = {
        Type     = "Task"
        Resource = aws_lambda_function.resize.arn
        Catch    = [{ ErrorEquals = ["States.ALL"], Next = "Tell" }]
        End      = true
      }
      Tell = { Type = "Fail" }
    }
  })
}

resource "aws_lambda_function" "resize" {}
