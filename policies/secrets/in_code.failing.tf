resource "aws_secretsmanager_secret_version" "key" {
  secret_id     = "key"
  secret_string = "s3cr3t-and-in-git" # finds: secrets/in-code
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id     = "database"
  secret_string = jsonencode({ host = "db.example.com", username = "app", password = "hunter2hunter2" }) # finds: secrets/in-code
}

resource "aws_ssm_parameter" "key" {
  name  = "/orders/key"
  type  = "SecureString"
  value = "s3cr3t-and-in-git" # finds: secrets/in-code
}

resource "aws_ssm_parameter" "kept" {
  name  = "/orders/kept"
  type  = "SecureString"
  value = "s3cr3t-and-in-git" # finds: secrets/in-code

  lifecycle {
    ignore_changes = [description]
  }
}
