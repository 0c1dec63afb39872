terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
      # CloudFront and its web ACL report to us-east-1 only, and an alarm acts in its own region only.
      configuration_aliases = [aws, aws.us_east_1]
    }
  }
}
