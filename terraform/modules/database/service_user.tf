# The service's user is made by the master user, whose password RDS keeps: a function in the VPC reads it and runs the SQL.

locals {
  function_name = "${var.name_prefix}-database-user"
  function_arn  = "arn:aws:lambda:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:function:${local.function_name}"
  by_password   = var.service_authentication == "password"
}

# Without a value: the function makes the password, so that neither Terraform nor its state ever has it.
resource "aws_secretsmanager_secret" "service_user" {
  count = local.by_password ? 1 : 0

  name                    = "${var.name_prefix}/database/${var.service_user}"
  description             = "User name and password of the service in MySQL"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 0 # worth nothing once the database is gone
}

resource "aws_cloudwatch_log_group" "database_user" {
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "database_user" {
  name = local.function_name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "database_user" {
  name = "work"
  role = aws_iam_role.database_user.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadMasterLogin"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue"]
          Resource = aws_db_instance.this.master_user_secret[0].secret_arn
        },
        {
          Sid       = "OpenSecrets"
          Effect    = "Allow"
          Action    = local.by_password ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
          Resource  = aws_kms_key.this.arn
          Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${data.aws_region.current.id}.amazonaws.com" } }
        },
        {
          Sid      = "WriteOwnLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.database_user.arn}:*"
        },
        {
          Sid      = "SendTraces"
          Effect   = "Allow"
          Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          Resource = "*" # X-Ray has no resources to name
        },
        {
          Sid      = "LambdaPutsItIntoTheVpc"
          Effect   = "Allow"
          Action   = local.network_interface_actions
          Resource = "*" # AWS: the interfaces have no names beforehand
        },
        {
          # Those are for the service Lambda; the function's own code can't use them (Lambda developer guide, "VPC").
          Sid       = "ItsOwnCodeDoesNot"
          Effect    = "Deny"
          Action    = local.network_interface_actions
          Resource  = "*"
          Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.function_arn } }
        },
      ],
      [for secret in aws_secretsmanager_secret.service_user : {
        Sid      = "KeepServiceLogin"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
        Resource = secret.arn
      }],
    )
  })
}

locals {
  network_interface_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]
}

# Shape is ours; code and the version that `live` points at belong to `opsctl deploy function`.
resource "aws_lambda_function" "database_user" {
  function_name = local.function_name
  description   = "Makes the service's user in MySQL."
  role          = aws_iam_role.database_user.arn
  runtime       = var.function_runtime
  architectures = ["x86_64"]
  handler       = "handler.handler"
  filename      = "${var.package_dir}/database-user.zip"
  memory_size   = 256
  timeout       = 30
  publish       = true

  vpc_config {
    subnet_ids         = var.function_network.subnet_ids
    security_group_ids = [var.function_network.security_group_id]
  }

  environment {
    variables = {
      DB_HOST                 = aws_db_instance.this.address
      DB_PORT                 = tostring(aws_db_instance.this.port)
      MASTER_SECRET_ARN       = aws_db_instance.this.master_user_secret[0].secret_arn
      SERVICE_SECRET_ARN      = local.by_password ? aws_secretsmanager_secret.service_user[0].arn : ""
      POWERTOOLS_SERVICE_NAME = "database-user"
      POWERTOOLS_LOG_LEVEL    = "INFO"
    }
  }

  tracing_config {
    mode = "Active"
  }

  lifecycle {
    ignore_changes = [filename, source_code_hash, s3_bucket, s3_key, s3_object_version]
  }

  depends_on = [aws_cloudwatch_log_group.database_user, aws_iam_role_policy.database_user]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.database_user.function_name
  function_version = aws_lambda_function.database_user.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

# Called again when the user, its way of signing in or the database itself is another one. Its answer holds no secret.
resource "aws_lambda_invocation" "service_user" {
  function_name = aws_lambda_function.database_user.function_name
  qualifier     = aws_lambda_alias.live.name
  triggers      = { database = aws_db_instance.this.resource_id }
  input = jsonencode({
    user           = var.service_user
    schema         = aws_db_instance.this.db_name
    authentication = var.service_authentication
  })
}
