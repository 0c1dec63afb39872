resource "aws_db_instance" "main" { # finds: databases/tls-required
  engine = "mysql"
}

resource "aws_db_instance" "postgres" {
  engine               = "postgres"
  engine_version       = "16.4"
  parameter_group_name = aws_db_parameter_group.off.name # finds: databases/tls-required
}

resource "aws_db_parameter_group" "off" {
  name   = "off"
  family = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "0"
  }
}
