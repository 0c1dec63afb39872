resource "aws_db_instance" "main" {
  engine               = "mysql"
  parameter_group_name = aws_db_parameter_group.main.name
}

resource "aws_db_parameter_group" "main" {
  name   = "main"
  family = "mysql8.4"

  parameter {
    name  = "require_secure_transport"
    value = "ON"
  }
}

resource "aws_db_instance" "postgres" {
  engine         = "postgres"
  engine_version = "16.4"
}
