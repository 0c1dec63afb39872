resource "aws_vpc_security_group_ingress_rule" "web" { # finds: network/rule-descriptions
  security_group_id = "sg-1"
  from_port         = 8080
  to_port           = 8080
  ip_protocol       = "tcp"
}
