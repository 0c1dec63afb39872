output "function" {
  description = "The function, as modules/function gives it."
  value       = module.function.function
}

output "schedule" {
  description = "The schedule: its name and its group's."
  value = {
    name  = aws_scheduler_schedule.this.name
    group = aws_scheduler_schedule_group.this.name
  }
}
