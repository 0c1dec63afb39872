output "function" {
  description = "The function, as modules/function gives it."
  value       = module.function.function
}

output "mapping_id" {
  description = "The event source mapping's id: what it sets aside lies below aws/lambda/<id>/ in the failure bucket."
  value       = aws_lambda_event_source_mapping.this.uuid
}
