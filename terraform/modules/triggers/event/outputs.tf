output "function" {
  description = "The function, as modules/function gives it."
  value       = module.function.function
}

output "rule" {
  description = "The rule: {name, arn, bus_name}."
  value = {
    name     = aws_cloudwatch_event_rule.this.name
    arn      = aws_cloudwatch_event_rule.this.arn
    bus_name = var.bus_name
  }
}
