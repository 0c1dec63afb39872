provider "aws" {
  region = "eu-central-1"
}

resource "aws_s3_bucket" "photos" { # finds: tags/required
  bucket = "photos"
}

resource "aws_instance" "app" {
  tags = { Owner = "photos" }
}
