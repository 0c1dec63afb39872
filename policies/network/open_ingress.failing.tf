resource "aws_security_group" "app" {
  dynamic "ingress" {
    for_each = [8080]

    content {
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"] # finds: network/open-ingress
    }
  }
}

resource "aws_vpc_security_group_ingress_rule" "six" {
  security_group_id = aws_security_group.app.id
  cidr_ipv6         = "::/0" # finds: network/open-ingress
  from_port         = 9000
  to_port           = 9010
  ip_protocol       = "tcp"
}

resource "aws_security_group_rule" "old" {
  type              = "ingress"
  security_group_id = aws_security_group.app.id
  cidr_blocks       = ["10.0.0.0/8", "0.0.0.0/0"] # finds: network/open-ingress
  from_port         = 8443
  to_port           = 8443
  protocol          = "tcp"
}
