resource "aws_vpc" "bare" { # finds: network/default-security-group
  cidr_block = "10.0.0.0/16"
}

resource "aws_default_security_group" "other" {
  vpc_id = "vpc-1"

  ingress { # finds: network/default-security-group
    from_port = 0
    to_port   = 0
    protocol  = "-1"
    self      = true
  }
}
