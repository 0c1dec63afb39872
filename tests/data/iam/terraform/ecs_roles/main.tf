resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_ecs_task_definition" "this" {
  family                = "web"
  task_role_arn         = aws_iam_role.this.arn
  execution_role_arn    = aws_iam_role.this.arn
  container_definitions = jsonencode([{ name = "web", image = "web", memory = 128 }])
}

resource "aws_iam_user" "ci" {
  name = "ci"
}

resource "aws_iam_user_policy" "ci" {
  user = aws_iam_user.ci.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "iam:PassRole", Resource = aws_iam_role.this.arn },
      { Effect = "Allow", Action = "ecs:RunTask", Resource = aws_ecs_task_definition.this.arn },
    ]
  })
}
