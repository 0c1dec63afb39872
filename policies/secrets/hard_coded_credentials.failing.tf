resource "aws_codebuild_project" "build" {
  name = "build"

  environment {
    environment_variable {
      name  = "AWS_ACCESS_KEY_ID"
      value = "AKIAIOSFODNN7ZZZZZZZ" # finds: secrets/hard-coded-credentials
    }
  }
}

provider "aws" {
  region     = "eu-central-1"
  access_key = "AKIAIOSFODNN7EXAMPLE"                     # finds: secrets/hard-coded-credentials
  secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" # finds: secrets/hard-coded-credentials
}
