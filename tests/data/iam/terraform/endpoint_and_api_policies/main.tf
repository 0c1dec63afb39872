resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_api_gateway_rest_api" "this" {
  name = "private"
}

resource "aws_api_gateway_rest_api_policy" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "execute-api:Invoke", Principal = "*", Resource = "${aws_api_gateway_rest_api.this.execution_arn}/*" }]
  })
}

resource "aws_efs_file_system" "this" {}

resource "aws_efs_file_system_policy" "this" {
  file_system_id = aws_efs_file_system.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "elasticfilesystem:ClientMount", Principal = { AWS = aws_iam_role.this.arn }, Resource = aws_efs_file_system.this.arn }]
  })
}
