resource "aws_db_instance" "main" { # finds: databases/deletion-protection
  engine = "mysql"
}
