output "function" {
  description = "The function, as modules/function gives it."
  value       = module.function.function
}

output "subscription_arn" {
  description = "The function's subscription to the topic."
  value       = aws_sns_topic_subscription.this.arn
}
