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

locals {
  queue_arn = aws_sqs_queue.this.arn
  targets   = [local.queue_arn, "${local.queue_arn}-dead"]
  statement = { Effect = "Allow", Action = "sqs:SendMessage", Resource = local.targets }
  policy    = { Version = "2012-10-17", Statement = [local.statement] }
}

resource "aws_iam_role_policy" "this" {
  role   = aws_iam_role.this.id
  policy = jsonencode(local.policy)
}
