output "arn" {
  description = "The layer's version."
  value       = aws_lambda_layer_version.shared.arn
}
