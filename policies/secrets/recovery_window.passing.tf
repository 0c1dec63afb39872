resource "aws_secretsmanager_secret" "key" {
  name = "key"
}
