resource "aws_security_group" "bastion" {
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"] # finds: network/open-admin-ports
  }

  ingress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    ipv6_cidr_blocks = ["::/0"] # finds: network/open-admin-ports
  }
}

resource "aws_vpc_security_group_ingress_rule" "halves" {
  security_group_id = aws_security_group.bastion.id
  cidr_ipv4         = "128.0.0.0/1" # finds: network/open-admin-ports
  from_port         = 3300
  to_port           = 3400
  ip_protocol       = "tcp"
}
