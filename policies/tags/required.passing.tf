provider "aws" {
  default_tags {
    tags = { Owner = "photos" }
  }
}

resource "aws_s3_bucket" "photos" {
  bucket = "photos"
}

resource "aws_instance" "app" {
  tags = var.tags
}

variable "tags" {
  type = map(string)
}
