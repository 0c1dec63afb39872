resource "aws_db_instance" "main" {
  engine              = "mysql"
  skip_final_snapshot = true # finds: databases/final-snapshot
}
