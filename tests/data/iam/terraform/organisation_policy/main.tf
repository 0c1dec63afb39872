resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_organizations_policy" "this" {
  name = "no-root"
  content = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Deny", Action = "*", Resource = "*", Condition = { StringLike = { "aws:PrincipalArn" = "arn:aws:iam::*:root" } } }]
  })
}

resource "aws_glacier_vault" "this" {
  name          = "old"
  access_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Deny", Action = "glacier:DeleteArchive", Principal = { AWS = "*" }, Resource = "arn:aws:glacier:eu-west-1:123456789012:vaults/old", Condition = { ArnNotEquals = { "aws:PrincipalArn" = aws_iam_role.this.arn } } }] })
}
