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
