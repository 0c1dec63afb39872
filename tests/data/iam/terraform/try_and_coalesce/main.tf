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

variable "extra" {
  type    = any
  default = null
}

locals {
  key = coalesce(var.extra, aws_sqs_queue.this.arn)
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = try(var.extra.effect, "Allow"), Action = "sqs:SendMessage", Resource = [local.key] }]
  })
}
