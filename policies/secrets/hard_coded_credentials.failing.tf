resource "aws_codebuild_project" "build" {
  name = "build"

  environment {
    environment_variable {
      name  = "AWS_ACCESS_KEY_ID"
      value = "AKIAIOSFODNN7ZZZZZZZ" # finds: secrets/hard-coded-credentials
    }
  }
}
