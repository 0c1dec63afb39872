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

resource "aws_iam_user" "this" {
  name = "ann"
}

resource "aws_iam_group" "this" {
  name = "builders"
}

resource "aws_iam_user_group_membership" "this" {
  user   = aws_iam_user.this.name
  groups = [aws_iam_group.this.name]
}

resource "aws_iam_policy" "this" {
  name   = "jobs"
  policy = data.aws_iam_policy_document.this.json
}

data "aws_iam_policy_document" "this" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.this.arn]
  }
}

resource "aws_iam_policy_attachment" "this" {
  name       = "jobs"
  roles      = [aws_iam_role.this.name]
  groups     = [aws_iam_group.this.name]
  policy_arn = aws_iam_policy.this.arn
}
