resource "aws_db_instance" "main" { # finds: databases/multi-az
  engine = "mysql"
}
