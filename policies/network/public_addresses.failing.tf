resource "aws_instance" "app" {
  ami                         = "ami-0123456789abcdef0"
  instance_type               = "m7g.large"
  associate_public_ip_address = true # finds: network/public-addresses
}

resource "aws_launch_template" "app" {
  network_interfaces {
    associate_public_ip_address = true # finds: network/public-addresses
  }
}
