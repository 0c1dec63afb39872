resource "aws_ecr_repository" "service" {
  name = "service"
}

resource "aws_ecr_lifecycle_policy" "service" {
  repository = aws_ecr_repository.service.name
  policy     = "{}"
}
