resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"

  environment {
    variables = {
      DB_PASSWORD_SECRET_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db"
      DB_PASSWORD_PARAMETER  = "/orders/db/password"
      TOKEN_TTL_SECONDS      = "900"
      API_KEY_SECRET         = aws_secretsmanager_secret.key.arn
      SECRET_NAME            = aws_secretsmanager_secret.key.name
      TABLE                  = "photos"
      TOKEN_AUDIENCE         = "photos-api"
    }
  }
}

resource "aws_secretsmanager_secret" "key" {
  name = "key"
}
