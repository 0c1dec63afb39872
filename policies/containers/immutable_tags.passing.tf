resource "aws_ecr_repository" "service" {
  name                 = "service"
  image_tag_mutability = "IMMUTABLE"
}
