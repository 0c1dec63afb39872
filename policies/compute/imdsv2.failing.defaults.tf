resource "aws_ec2_instance_metadata_defaults" "region" {
  http_put_response_hop_limit = 1
}

resource "aws_instance" "app" { # finds: compute/imdsv2
  ami           = "ami-0123456789abcdef0"
  instance_type = "m7g.large"
}
