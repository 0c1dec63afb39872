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

resource "aws_ssm_parameter" "placeholder" {
  name  = "/orders/key"
  type  = "SecureString"
  value = "REPLACE_ME"
}

# The first value, which people replace by hand.
resource "aws_ssm_parameter" "first" {
  name  = "/orders/first"
  type  = "SecureString"
  value = "not the real one"

  lifecycle {
    ignore_changes = [value]
  }
}

resource "aws_secretsmanager_secret_version" "first" {
  secret_id     = "first"
  secret_string = jsonencode({ username = "app", password = "initial-dummy" })

  lifecycle {
    ignore_changes = all
  }
}
