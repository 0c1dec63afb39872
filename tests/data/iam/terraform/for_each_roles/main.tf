resource "aws_sqs_queue" "this" {
  name = "jobs"
}

locals {
  workers = { resize = "sqs:ReceiveMessage", notify = "sns:Publish" }
}

resource "aws_iam_role" "worker" {
  for_each = local.workers
  name     = "worker-${each.key}"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "worker" {
  for_each = local.workers
  role     = aws_iam_role.worker[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = each.value, Resource = aws_sqs_queue.this.arn }]
  })
}
