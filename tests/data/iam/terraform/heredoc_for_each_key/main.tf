resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_sqs_queue" "many" {
  for_each = toset(["in.fifo-like", "out"])
  name     = replace(each.key, ".", "-")
}

resource "aws_iam_role_policy" "this" {
  role   = aws_iam_role.this.name
  policy = <<EOF
{
  "Version": "2012-10-17",
  "Statement": {"Effect": "Allow", "Action": "sqs:SendMessage",
    "Resource": ["${aws_sqs_queue.many["in.fifo-like"].arn}", "${aws_sqs_queue.many["out"].arn}"]}
}
EOF
}
