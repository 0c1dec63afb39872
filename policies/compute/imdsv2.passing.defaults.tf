resource "aws_ec2_instance_metadata_defaults" "region" {
  http_tokens = "required"
}

resource "aws_instance" "app" {
  ami           = "ami-0123456789abcdef0"
  instance_type = "m7g.large"
}
