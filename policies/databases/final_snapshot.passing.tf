resource "aws_db_instance" "main" {
  engine                    = "mysql"
  final_snapshot_identifier = "main-final"
}
