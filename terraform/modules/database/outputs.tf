output "identifier" {
  description = "Name of the RDS instance."
  value       = aws_db_instance.this.identifier
}

output "arn" {
  description = "ARN of the RDS instance."
  value       = aws_db_instance.this.arn
}

output "address" {
  description = "Host name, to be reached from the service's security group only."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "TCP port."
  value       = aws_db_instance.this.port
}

output "name" {
  description = "Schema."
  value       = aws_db_instance.this.db_name
}

output "secret_arn" {
  description = "Secret with the master user's name and password, made and rotated by RDS."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "kms_key_arn" {
  description = "Key of storage, backups and master password."
  value       = aws_kms_key.this.arn
}

output "service_user" {
  description = "MySQL user of the service. Known once it is there: what starts with it starts after it."
  value       = var.service_user
  depends_on  = [aws_lambda_invocation.service_user]
}

output "service_secret_arn" {
  description = "Secret with the service's user name and password, under kms_key_arn; \"\" when it signs in by IAM."
  value       = local.service_secret
  depends_on  = [aws_lambda_invocation.service_user]
}

output "function" {
  description = "The function that makes the service's user. arn is that of the alias `live`."
  value       = module.database_user.function
}

output "service_user_arn" {
  description = "What a role must be allowed to rds-db:connect to."
  value       = "arn:aws:rds-db:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:dbuser:${aws_db_instance.this.resource_id}/${var.service_user}"
}

output "storage_gb" {
  description = "Storage at the start, for alarms on what is left of it."
  value       = var.storage_gb
}

output "max_connections" {
  description = "Connections that MySQL takes, for alarms on what is left of them."
  value       = var.max_connections
}
