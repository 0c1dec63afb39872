resource "aws_sqs_queue" "this" {
  name = "jobs"
}

locals {
  inline = {
    send = jsonencode({
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.this.arn }]
    })
  }
}

resource "aws_iam_role" "inline" {
  name = "inline"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
  dynamic "inline_policy" {
    for_each = local.inline
    content {
      name   = inline_policy.key
      policy = inline_policy.value
    }
  }
}
