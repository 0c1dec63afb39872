resource "aws_ecs_task_definition" "app" {
  family = "app"
  container_definitions = jsonencode([{ # finds: containers/task-secrets
    name        = "app"
    environment = [{ name = "DB_PASSWORD", value = "hunter2hunter2" }]
  }])
}
