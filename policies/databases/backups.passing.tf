resource "aws_db_instance" "main" {
  engine                  = "mysql"
  backup_retention_period = 14
}

resource "aws_db_instance" "chosen" {
  engine                  = "mysql"
  backup_retention_period = var.days
}

variable "days" {
  type = number
}
