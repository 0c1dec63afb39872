resource "aws_db_instance" "main" { # finds: databases/storage-alarm
  identifier = "main"
  engine     = "mysql"
}
