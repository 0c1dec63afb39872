# The service's user is made by the master user, whose password RDS keeps: a function in the VPC reads it and runs the SQL.

locals {
  by_password    = var.service_authentication == "password"
  service_secret = local.by_password ? aws_secretsmanager_secret.service_user[0].arn : ""

  environment = {
    DB_HOST            = aws_db_instance.this.address
    DB_PORT            = tostring(aws_db_instance.this.port)
    MASTER_SECRET_ARN  = aws_db_instance.this.master_user_secret[0].secret_arn
    SERVICE_SECRET_ARN = local.service_secret
  }

  permissions = {
    for why, permission in {
      ReadMasterLogin = { Action = ["secretsmanager:GetSecretValue"], Resource = [local.environment.MASTER_SECRET_ARN], Condition = null }
      OpenSecrets = {
        Action    = local.by_password ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
        Resource  = [aws_kms_key.this.arn]
        Condition = { StringEquals = { "kms:ViaService" = ["secretsmanager.${data.aws_region.current.id}.amazonaws.com"] } }
      }
      KeepServiceLogin = { Action = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"], Resource = [local.service_secret], Condition = null }
    } : why => permission if why != "KeepServiceLogin" || local.by_password
  }
}

# Without a value: the function makes the password, so that neither Terraform nor its state ever has it.
resource "aws_secretsmanager_secret" "service_user" {
  count = local.by_password ? 1 : 0

  name                    = "${var.name_prefix}/database/${var.service_user}"
  description             = "User name and password of the service in MySQL"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 0 # worth nothing once the database is gone
}

module "database_user" {
  source = "../function"

  name_prefix     = var.name_prefix
  name            = "database-user"
  description     = "Makes the service's user in MySQL."
  defaults        = var.function_defaults
  timeout_seconds = 30
  network         = var.function_network
  environment     = local.environment
  permissions     = local.permissions
}

# Called again when the user, its way of signing in or the database itself is another one. Its answer holds no secret.
resource "aws_lambda_invocation" "service_user" {
  function_name = module.database_user.function.function_name
  qualifier     = module.database_user.function.alias
  triggers      = { database = aws_db_instance.this.resource_id }
  input = jsonencode({
    user           = var.service_user
    schema         = aws_db_instance.this.db_name
    authentication = var.service_authentication
  })
}
