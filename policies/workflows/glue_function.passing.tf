resource "aws_sfn_state_machine" "lists" {
  name     = "lists"
  role_arn = "arn:aws:iam::123456789012:role/lists"
  definition = jsonencode({
    StartAt = "Tell"
    States = {
      Tell = { Type = "Task", Resource = "arn:aws:states:::sns:publish", Next = "Check" }
      Check = { Type = "Task", Resource = "arn:aws:lambda:eu-central-1:123456789012:function:validate:live", End = true }
    }
  })
}
