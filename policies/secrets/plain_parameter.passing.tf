resource "aws_ssm_parameter" "password" {
  name  = "/orders/db/password"
  type  = "SecureString"
  value = var.password
}

resource "aws_ssm_parameter" "where" {
  name  = "/orders/db/secret"
  type  = "String"
  value = aws_secretsmanager_secret.db.arn
}

resource "aws_secretsmanager_secret" "db" {
  name = "db"
}

variable "password" {
  type = string
}
