resource "aws_ebs_volume" "data" { # finds: compute/volumes-encrypted
  availability_zone = "eu-central-1a"
  size              = 10
}

resource "aws_instance" "app" {
  ami           = "ami-0123456789abcdef0"
  instance_type = "m7g.large"

  root_block_device {
    encrypted = false # finds: compute/volumes-encrypted
  }
}
