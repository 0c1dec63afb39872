output "function" {
  description = "The function, as modules/function gives it."
  value       = module.function.function
}
