resource "aws_db_instance" "main" {
  engine                              = "mysql"
  iam_database_authentication_enabled = true
}

resource "aws_db_instance" "oracle" {
  engine = "oracle-ee" # has no IAM authentication
}
