resource "aws_db_instance" "main" { # finds: databases/encrypted
  engine = "mysql"
}

resource "aws_rds_cluster" "main" {
  engine            = "aurora-mysql"
  storage_encrypted = false # finds: databases/encrypted
}

resource "aws_elasticache_replication_group" "sessions" { # finds: databases/encrypted
  replication_group_id = "sessions"
  description          = "Sessions"
}

resource "aws_elasticache_replication_group" "plain" {
  replication_group_id       = "plain"
  description                = "Sessions"
  engine                     = "valkey"
  at_rest_encryption_enabled = false # finds: databases/encrypted
}
