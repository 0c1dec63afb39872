resource "aws_sfn_state_machine" "images" {
  name     = "images"
  role_arn = "arn:aws:iam::123456789012:role/images"
  definition = jsonencode({ # finds: workflows/catch
    StartAt = "Resize"
    States  = { Resize = { Type = "Task", Resource = aws_lambda_function.resize.arn, End = true } }
  })
}

resource "aws_lambda_function" "resize" {}
