resource "aws_codebuild_project" "build" {
  name = "build"

  environment {
    environment_variable {
      name  = "TOKEN"
      value = "build/token"
      type  = "SECRETS_MANAGER"
    }
  }
}

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test" # for an emulator
  secret_key                  = var.secret_key
  skip_credentials_validation = true
}

variable "secret_key" {
  type = string
}
