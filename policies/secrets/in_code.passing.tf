resource "aws_secretsmanager_secret_version" "key" {
  secret_id     = "key"
  secret_string = var.key
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id     = "database"
  secret_string = jsonencode({ host = "db.example.com", username = "app", password = random_password.db.result })
}

resource "random_password" "db" {
  length = 32
}

variable "key" {
  type      = string
  sensitive = true
}
