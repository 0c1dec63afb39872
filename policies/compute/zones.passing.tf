resource "aws_autoscaling_group" "app" {
  min_size            = 2
  max_size            = 4
  vpc_zone_identifier = ["subnet-a", "subnet-b"]
}

variable "subnets" {
  type = list(string)
}

variable "zones" {
  type = number
}

resource "aws_subnet" "private" {
  count             = var.zones
  availability_zone = "eu-central-1a"
}

# How many subnets these are isn't known.
resource "aws_autoscaling_group" "given" {
  min_size            = 2
  max_size            = 4
  vpc_zone_identifier = var.subnets
}

resource "aws_autoscaling_group" "made" {
  min_size            = 2
  max_size            = 4
  vpc_zone_identifier = aws_subnet.private[*].id
}
