resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "terraform_data" "made" {
  input = "x"
}

resource "aws_iam_role_policy" "hole" {
  role   = aws_iam_role.this.id
  policy = terraform_data.made.id
}

resource "aws_iam_role_policy" "partly" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }],
      jsondecode(terraform_data.made.output),
    )
  })
}
