terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # Bucket, key and lock are opsctl's to say; environments/<name>.s3.tfbackend adds what is particular to one environment.
  backend "s3" {}
}
