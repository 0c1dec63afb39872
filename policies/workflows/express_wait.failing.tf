resource "aws_sfn_state_machine" "images" {
  name     = "images"
  type     = "EXPRESS" # finds: workflows/express-wait
  role_arn = "arn:aws:iam::123456789012:role/images"
  definition = jsonencode({
    StartAt = "Bulk"
    States  = { Bulk = { Type = "Task", Resource = "arn:aws:states:::batch:submitJob.sync", End = true } }
  })
}
