# One role for each function, with what its code calls and no more. Policies are written with jsonencode, so that
# `terraform test` can read them.

locals {
  permissions = {
    auth-token = {
      ReadUsers = { Action = ["dynamodb:BatchGetItem"], Resource = aws_dynamodb_table.users.arn }
      # It counts wrong passwords beside the users, and can't change a user.
      CountFailures = {
        Action    = ["dynamodb:UpdateItem", "dynamodb:DeleteItem"]
        Resource  = aws_dynamodb_table.users.arn
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["failures#*"] } }
      }
      ReadSigningKeys   = { Action = ["secretsmanager:GetSecretValue"], Resource = aws_secretsmanager_secret.signing_keys.arn }
      ReadPublishedKeys = { Action = ["ssm:GetParameter"], Resource = aws_ssm_parameter.published_keys.arn }
    }
    auth-authorizer = {
      ReadPublishedKeys = { Action = ["ssm:GetParameter"], Resource = aws_ssm_parameter.published_keys.arn }
    }
    auth-rotation = {
      RotateSigningKeys = {
        Action = [
          "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource = aws_secretsmanager_secret.signing_keys.arn
      }
      PublishKeys = { Action = ["ssm:GetParameter", "ssm:PutParameter"], Resource = aws_ssm_parameter.published_keys.arn }
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name = "${var.name_prefix}-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.permissions

  name = "work"
  role = aws_iam_role.function[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for sid, permission in each.value : merge(permission, { Sid = sid, Effect = "Allow" })],
      [
        {
          Sid      = "WriteOwnLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.function[each.key].arn}:*"
        },
        {
          Sid      = "SendTraces"
          Effect   = "Allow"
          Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          Resource = "*" # X-Ray has no resources to name
        },
      ],
    )
  })
}
