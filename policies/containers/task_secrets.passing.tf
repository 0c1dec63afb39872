resource "aws_ecs_task_definition" "app" {
  family = "app"
  container_definitions = jsonencode([{
    name        = "app"
    environment = [{ name = "TABLE", value = "photos" }]
    secrets     = [{ name = "DB_PASSWORD", valueFrom = "arn:aws:ssm:eu-central-1:123456789012:parameter/db" }]
  }])
}
