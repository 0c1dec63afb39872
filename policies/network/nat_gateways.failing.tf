resource "aws_subnet" "public" {
  availability_zone = "eu-central-1a"
  vpc_id            = "vpc-1"
}

resource "aws_nat_gateway" "first" {
  subnet_id = aws_subnet.public.id
}

resource "aws_nat_gateway" "second" { # finds: network/nat-gateways
  subnet_id = aws_subnet.public.id
}
