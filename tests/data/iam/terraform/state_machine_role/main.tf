resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_sqs_queue" "this" {
  name = "jobs"
}

resource "aws_sfn_state_machine" "this" {
  name     = "flow"
  role_arn = aws_iam_role.this.arn
  definition = jsonencode({ StartAt = "Send", States = { Send = {
    Type = "Task", Resource = "arn:aws:states:::sqs:sendMessage", End = true,
  Parameters = { QueueUrl = aws_sqs_queue.this.url, MessageBody = "x" } } } })
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = { Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.this.arn }
  })
}
