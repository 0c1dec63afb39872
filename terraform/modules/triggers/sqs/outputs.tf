output "function" {
  description = "The function, as modules/function gives it."
  value       = module.function.function
}

output "mapping_id" {
  description = "The event source mapping's id."
  value       = aws_lambda_event_source_mapping.this.uuid
}
