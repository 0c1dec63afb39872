output "function" {
  description = "The function, as modules/function gives it."
  value       = module.function.function
}

output "target_group_arn" {
  description = "The target group."
  value       = aws_lb_target_group.this.arn
}
