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
  from_yaml = yamldecode(<<-EOT
    Version: "2012-10-17"
    Statement:
      - Effect: Allow
        Action: [sqs:SendMessage]
        Resource: "${aws_sqs_queue.this.arn}"
  EOT
  )
}

resource "aws_iam_role_policy" "this" {
  role   = aws_iam_role.this.id
  policy = jsonencode(local.from_yaml)
}
