resource "aws_sfn_state_machine" "lists" {
  name     = "lists"
  role_arn = "arn:aws:iam::123456789012:role/lists"
  definition = jsonencode({
    StartAt = "Each"
    States = {
      Each = {
        Type           = "Map"
        MaxConcurrency = 5
        ItemProcessor  = { StartAt = "Pass", States = { Pass = { Type = "Pass", End = true } } }
        End            = true
      }
    }
  })
}
