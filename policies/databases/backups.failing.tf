resource "aws_db_instance" "main" { # finds: databases/backups
  engine = "mysql"
}

resource "aws_db_instance" "off" {
  engine                  = "mysql"
  backup_retention_period = 0 # finds: databases/backups
}
