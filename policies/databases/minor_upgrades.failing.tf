resource "aws_db_instance" "main" {
  engine                     = "mysql"
  auto_minor_version_upgrade = false # finds: databases/minor-upgrades
}
