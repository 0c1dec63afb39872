resource "aws_ecr_repository" "service" { # finds: containers/immutable-tags
  name = "service"
}
