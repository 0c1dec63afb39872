terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
      # CloudFront takes its certificate and its web ACL from us-east-1 only.
      configuration_aliases = [aws, aws.us_east_1]
    }
  }
}
