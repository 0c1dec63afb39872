resource "aws_instance" "app" {
  ami                         = "ami-0123456789abcdef0"
  instance_type               = "m7g.large"
  associate_public_ip_address = false
}
