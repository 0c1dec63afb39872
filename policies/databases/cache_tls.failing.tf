resource "aws_elasticache_replication_group" "sessions" { # finds: databases/cache-tls
  replication_group_id = "sessions"
  description          = "Sessions"
}
