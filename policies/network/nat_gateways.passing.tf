resource "aws_subnet" "public" {
  for_each          = toset(["eu-central-1a", "eu-central-1b"])
  availability_zone = each.key
  vpc_id            = "vpc-1"
}

resource "aws_nat_gateway" "each" {
  for_each  = aws_subnet.public
  subnet_id = each.value.id
}
