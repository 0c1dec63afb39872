resource "aws_autoscaling_group" "app" {
  min_size            = 2
  max_size            = 4
  vpc_zone_identifier = ["subnet-a"] # finds: compute/zones
}

resource "aws_subnet" "only" {
  cidr_block = "10.0.0.0/24"
}

resource "aws_autoscaling_group" "in_a_subnet_of_ours" {
  min_size            = 2
  max_size            = 4
  vpc_zone_identifier = [aws_subnet.only.id] # finds: compute/zones
}
