# One function: its log group, its own role, its code, and the alias `live` that everybody calls it by.

locals {
  function_name = "${var.name_prefix}-${var.name}"
  # From a file the provider makes one function after the other, and waits 5 s for each; from a bucket, side by side.
  store = try(regex("^s3://(?P<bucket>[^/]+)/(?P<prefix>.+)$", var.defaults.package_dir), null)

  # Policies are written with jsonencode rather than aws_iam_policy_document: `terraform test` can then read them.
  statements = concat(
    [for why, permission in var.permissions : merge({ Sid = why, Effect = "Allow" }, permission)],
    [
      { Sid = "WriteOwnLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["${aws_cloudwatch_log_group.this.arn}:*"] },
      { Sid = "SendTraces", Effect = "Allow", Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource = ["*"] }, # X-Ray has no resources to name
    ],
    [for statement in local.network_statements : statement if var.network != null],
  )

  network_statements = [
    { Sid = "LambdaPutsItIntoTheVpc", Effect = "Allow", Action = local.network_interface_actions, Resource = ["*"] }, # the interfaces have no names beforehand
    # Those are for the service Lambda; the function's own code can't use them (Lambda developer guide, "VPC").
    {
      Sid       = "ItsOwnCodeDoesNot"
      Effect    = "Deny"
      Action    = local.network_interface_actions
      Resource  = ["*"]
      Condition = { ArnLike = { "lambda:SourceFunctionArn" = ["arn:*:lambda:*:*:function:${local.function_name}"] } }
    },
  ]

  network_interface_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.defaults.log_retention_days
}

resource "aws_iam_role" "this" {
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

resource "aws_iam_role_policy" "this" {
  name = "work"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    # A statement without a condition must not have one that is null.
    Statement = [for statement in local.statements : { for name, value in statement : name => value if value != null }]
  })
}

# Shape is ours; code and the version that `live` points at belong to `opsctl deploy function`. So a changed setting is
# published as a new version here, and goes live with the next deploy.
resource "aws_lambda_function" "this" {
  function_name = local.function_name
  description   = var.description
  role          = aws_iam_role.this.arn
  runtime       = var.defaults.runtime
  architectures = ["x86_64"]
  handler       = "handler.handler"
  filename      = local.store == null ? "${var.defaults.package_dir}/${var.name}.zip" : null
  s3_bucket     = local.store == null ? null : local.store.bucket
  s3_key        = local.store == null ? null : "${local.store.prefix}/${var.name}.zip"
  layers        = var.defaults.layer_arns
  memory_size   = var.memory_mb
  timeout       = var.timeout_seconds
  publish       = true

  environment {
    variables = merge(var.environment, {
      POWERTOOLS_SERVICE_NAME      = var.name
      POWERTOOLS_METRICS_NAMESPACE = var.name_prefix
      POWERTOOLS_LOG_LEVEL         = "INFO"
    })
  }

  dynamic "vpc_config" {
    for_each = var.network == null ? [] : [var.network]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = [vpc_config.value.security_group_id]
    }
  }

  tracing_config {
    mode = "Active"
  }

  lifecycle {
    ignore_changes = [filename, source_code_hash, s3_bucket, s3_key, s3_object_version]
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}
