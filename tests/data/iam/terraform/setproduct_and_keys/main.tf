resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

locals {
  tables = ["photos", "albums"]
  parts  = ["", "/index/*"]
}

resource "aws_dynamodb_table" "this" {
  for_each     = toset(local.tables)
  name         = each.key
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:Query"]
      Resource = [for pair in setproduct(keys(aws_dynamodb_table.this), local.parts) : "${aws_dynamodb_table.this[pair[0]].arn}${pair[1]}"]
    }]
  })
}
