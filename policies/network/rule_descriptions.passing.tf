resource "aws_vpc_security_group_ingress_rule" "web" {
  security_group_id = "sg-1"
  description       = "The load balancer"
  from_port         = 8080
  to_port           = 8080
  ip_protocol       = "tcp"
}
