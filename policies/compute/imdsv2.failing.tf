resource "aws_launch_template" "app" { # finds: compute/imdsv2
  name = "app"
}

resource "aws_instance" "app" {
  ami           = "ami-0123456789abcdef0"
  instance_type = "m7g.large"

  metadata_options {
    http_tokens = "optional" # finds: compute/imdsv2
  }
}
