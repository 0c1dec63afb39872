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

resource "aws_iam_role_policy" "this" {
  name   = "heredoc"
  role   = aws_iam_role.this.name
  policy = <<-EOF
    {
      "Version": "2012-10-17",
      "Statement": [
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "${aws_sqs_queue.this.arn}"},
        {"Effect": "Deny", "Action": "sqs:DeleteQueue", "Resource": "*"}
      ]
    }
  EOF
}
