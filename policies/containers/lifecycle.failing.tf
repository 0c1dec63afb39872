resource "aws_ecr_repository" "service" { # finds: containers/lifecycle
  name = "service"
}
