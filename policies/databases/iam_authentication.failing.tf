resource "aws_db_instance" "main" { # finds: databases/iam-authentication
  engine = "mysql"
}
