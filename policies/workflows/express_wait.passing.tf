resource "aws_sfn_state_machine" "images" {
  name     = "images"
  type     = "EXPRESS"
  role_arn = "arn:aws:iam::123456789012:role/images"
  definition = jsonencode({
    StartAt = "Tell"
    States  = { Tell = { Type = "Task", Resource = "arn:aws:states:::sns:publish", End = true } }
  })
}
