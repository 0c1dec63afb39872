locals {
  tags = {
    Project     = var.project
    Environment = var.environment
    Owner       = var.owner
    ManagedBy   = "opsctl"
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  skip_credentials_validation = var.local
  skip_metadata_api_check     = var.local
  s3_use_path_style           = var.local

  default_tags {
    tags = local.tags
  }
}

# CloudFront, its certificate, its web ACL and their alarms live here, whatever the environment's region.
provider "aws" {
  alias               = "us_east_1"
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]

  skip_credentials_validation = var.local
  skip_metadata_api_check     = var.local
  s3_use_path_style           = var.local

  default_tags {
    tags = local.tags
  }
}
