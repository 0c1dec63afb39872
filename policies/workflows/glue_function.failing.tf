resource "aws_sfn_state_machine" "lists" {
  name     = "lists"
  role_arn = "arn:aws:iam::123456789012:role/lists"
  definition = jsonencode({ # finds: workflows/glue-function
    StartAt = "Tell"
    States = {
      Tell = { Type = "Task", Resource = "arn:aws:lambda:eu-central-1:123456789012:function:send-notification:live", End = true }
    }
  })
}
