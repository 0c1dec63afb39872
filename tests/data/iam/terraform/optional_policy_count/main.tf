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

variable "queue_arns" {
  type    = list(string)
  default = ["arn:aws:sqs:eu-west-1:123456789012:other"]
}

data "aws_iam_policy_document" "optional" {
  count = length(var.queue_arns) > 0 ? 1 : 0
  statement {
    actions   = ["sqs:SendMessage"]
    resources = concat(var.queue_arns, [aws_sqs_queue.this.arn])
  }
}

resource "aws_iam_role_policy" "optional" {
  count  = length(var.queue_arns) > 0 ? 1 : 0
  role   = aws_iam_role.this.id
  policy = one(data.aws_iam_policy_document.optional[*].json)
}
