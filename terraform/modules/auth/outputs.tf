output "users_table" {
  description = "The table of users, key username: password_hash, scopes."
  value = {
    name = aws_dynamodb_table.users.name
    arn  = aws_dynamodb_table.users.arn
  }
}

output "signing_keys_secret" {
  description = "The secret with the private keys. Rotating it gives a new key."
  value = {
    name = aws_secretsmanager_secret.signing_keys.name
    arn  = aws_secretsmanager_secret_rotation.signing_keys.secret_id
  }
}

output "published_keys" {
  description = "The parameter with the public keys that tokens are checked with."
  value       = { name = aws_ssm_parameter.published_keys.name, arn = aws_ssm_parameter.published_keys.arn }
}

output "token" {
  description = "What tokens say: issuer, audience, and how long they are good (seconds)."
  value = {
    issuer   = var.issuer
    audience = local.audience
    seconds  = local.token_seconds
  }
}

output "functions" {
  description = "Each function by its short name. arn and invoke_arn are those of the alias `live`."
  value       = { for name, made in module.function : name => made.function }
}
