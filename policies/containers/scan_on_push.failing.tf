resource "aws_ecr_repository" "service" { # finds: containers/scan-on-push
  name = "service"
}
