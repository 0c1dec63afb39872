resource "aws_db_instance" "main" {
  engine   = "mysql"
  password = "correct-horse-battery" # finds: databases/password-in-code
}
