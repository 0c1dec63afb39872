resource "aws_db_instance" "main" {
  engine                      = "mysql"
  manage_master_user_password = true
}

resource "aws_db_instance" "given" {
  engine   = "mysql"
  password = var.password
}

variable "password" {
  type      = string
  sensitive = true
}
