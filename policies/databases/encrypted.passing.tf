resource "aws_db_instance" "main" {
  engine            = "mysql"
  storage_encrypted = true
}

resource "aws_db_instance" "replica" {
  replicate_source_db = aws_db_instance.main.identifier
}
