resource "aws_ssm_parameter" "password" {
  name  = "/orders/db/password"
  type  = "String" # finds: secrets/plain-parameter
  value = var.password
}

variable "password" {
  type = string
}
