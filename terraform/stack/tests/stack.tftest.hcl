# The environment as a whole, planned without a cloud. What each part must hold is tested beside the part.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1", name = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

mock_provider "aws" {
  alias = "us_east_1"

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { id = "us-east-1", name = "us-east-1" }
  }
}

variables {
  project           = "opsctl"
  environment       = "test"
  account_id        = "111122223333"
  region            = "eu-central-1"
  owner             = "us"
  package_dir       = "packages"
  origin_secret     = "0123456789abcdef0123456789abcdef"
  site_domain       = "test.example.com"
  allowed_countries = ["DE", "IE", "US"]
  service_instances = { min = 2, max = 4, desired = 2 }
  payment_sandbox   = true
}

run "malformed_words_are_refused" {
  command = plan
  variables {
    project           = "Ops_ctl"
    account_id        = "1111"
    region            = "Frankfurt"
    owner             = ""
    origin_secret     = "short"
    site_domain       = "https://test.example.com"
    allowed_countries = ["DE"]
  }
  expect_failures = [
    var.project, var.account_id, var.region, var.owner, var.origin_secret, var.site_domain, var.allowed_countries,
  ]
}

run "an_environment_whose_name_is_too_long_with_its_project_is_refused" {
  command = plan
  variables {
    project     = "operations"
    environment = "pull-request-1234"
  }
  expect_failures = [var.environment]
}

run "orders_are_paid_at_exactly_one_place" {
  command = plan
  variables {
    payment_sandbox = false
  }
  expect_failures = [var.payment_provider]
}
