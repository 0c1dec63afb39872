resource "aws_db_instance" "main" { # finds: databases/logs
  engine = "mysql"
}
