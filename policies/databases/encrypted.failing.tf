resource "aws_db_instance" "main" { # finds: databases/encrypted
  engine = "mysql"
}

resource "aws_rds_cluster" "main" {
  engine            = "aurora-mysql"
  storage_encrypted = false # finds: databases/encrypted
}
