variable "name" { type = string }

variable "statements" {
  type = list(object({ actions = list(string), resources = list(string) }))
}

resource "aws_iam_role" "this" {
  name = var.name
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for each in var.statements : {
      Effect = "Allow", Action = each.actions, Resource = each.resources
    }]
  })
}
