# A stack that is up in seconds, for the tests that break an `up` on purpose. Same inputs as the real one.
terraform {
  required_version = ">= 1.10"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
  backend "s3" {}
}

variable "project" { type = string }
variable "environment" { type = string }
variable "account_id" { type = string }
variable "region" { type = string }
variable "local" { type = bool }
variable "package_dir" { type = string }
variable "function_runtime" { type = string }
variable "origin_secret" {
  type      = string
  sensitive = true
}

variable "slow_seconds" {
  description = "Seconds that the apply takes in the middle."
  type        = number
  default     = 0
}

provider "aws" {
  region                      = var.region
  allowed_account_ids         = [var.account_id]
  skip_credentials_validation = var.local
  skip_metadata_api_check     = var.local
  skip_requesting_account_id  = false
  s3_use_path_style           = var.local
  default_tags {
    tags = { Project = var.project, Environment = var.environment }
  }
}

resource "aws_sns_topic" "before" {
  name = "${var.project}-${var.environment}-before"
}

resource "terraform_data" "slow" {
  input = var.slow_seconds
  provisioner "local-exec" {
    command = "sleep ${var.slow_seconds}"
  }
  depends_on = [aws_sns_topic.before]
}

resource "aws_sns_topic" "after" {
  name       = "${var.project}-${var.environment}-after"
  depends_on = [terraform_data.slow]
}

resource "aws_s3_bucket" "notes" {
  bucket = "${var.project}-${var.environment}-notes"
}

resource "aws_secretsmanager_secret" "origin" {
  name                    = "${var.project}-${var.environment}/origin-secret"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "origin" {
  secret_id     = aws_secretsmanager_secret.origin.id
  secret_string = var.origin_secret
}

output "edge" {
  value = { url = "http://nowhere" }
}

output "secret" {
  value     = var.origin_secret
  sensitive = true
}
