mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/opsctl-test-order-stock" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/opsctl-test-order-stock" }
  }
}

variables {
  name_prefix = "opsctl-test"
  name        = "order-stock"
  description = "Reserves stock."
  defaults = {
    package_dir        = "/packages"
    runtime            = "python3.11"
    layer_arns         = ["arn:aws:lambda:eu-central-1:111122223333:layer:opsctl-test-shared:1"]
    log_retention_days = 30
  }
  environment = { TABLE = "stock" }
  permissions = {
    KeepStock = { Action = ["dynamodb:UpdateItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/stock"] }
    CountOwn = {
      Action    = ["dynamodb:PutItem"]
      Resource  = ["arn:aws:dynamodb:eu-central-1:111122223333:table/stock"]
      Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["own#*"] } }
    }
  }
}

run "from_a_bucket_functions_are_made_side_by_side" {
  command = plan
  variables {
    defaults = { package_dir = "s3://opsctl-state-111122223333-eu-central-1/packages/test", runtime = "python3.11", layer_arns = [], log_retention_days = 30 }
  }

  assert {
    condition = (
      aws_lambda_function.this.filename == null && aws_lambda_function.this.s3_bucket == "opsctl-state-111122223333-eu-central-1" &&
      aws_lambda_function.this.s3_key == "packages/test/order-stock.zip"
    )
    error_message = "The provider must not read the package itself."
  }
}

run "it_may_do_what_is_listed_write_its_own_logs_and_trace" {
  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy).Statement == [
      {
        Sid       = "CountOwn", Effect = "Allow", Action = ["dynamodb:PutItem"]
        Resource  = ["arn:aws:dynamodb:eu-central-1:111122223333:table/stock"]
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["own#*"] } }
      },
      { Sid = "KeepStock", Effect = "Allow", Action = ["dynamodb:UpdateItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/stock"] },
      {
        Sid      = "WriteOwnLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/opsctl-test-order-stock:*"]
      },
      { Sid = "SendTraces", Effect = "Allow", Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource = ["*"] },
    ]
    error_message = "The policy must hold what was asked for, its logs and its traces, and nothing else."
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [
      { Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }
    ] && aws_lambda_function.this.role == aws_iam_role.this.arn
    error_message = "The role must be the function's own, and Lambda's to assume."
  }

  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0
    error_message = "A function that needs no network must not be in one."
  }
}

run "it_is_versioned_traced_logged_and_called_by_its_alias" {
  assert {
    condition     = aws_lambda_function.this.publish && aws_lambda_alias.live.name == "live" && aws_lambda_alias.live.function_version == aws_lambda_function.this.version
    error_message = "Callers must get the version that `live` points at."
  }

  assert {
    condition     = output.function.arn == aws_lambda_alias.live.arn && output.function.invoke_arn == aws_lambda_alias.live.invoke_arn && output.function.function_name == "opsctl-test-order-stock"
    error_message = "The output must be the alias, not the function."
  }

  assert {
    condition     = one(aws_lambda_function.this.tracing_config).mode == "Active" && aws_cloudwatch_log_group.this.retention_in_days == 30 && aws_cloudwatch_log_group.this.name == "/aws/lambda/opsctl-test-order-stock"
    error_message = "It must be traced, and its logs must end."
  }

  assert {
    condition     = aws_lambda_function.this.layers == var.defaults.layer_arns && aws_lambda_function.this.filename == "/packages/order-stock.zip"
    error_message = "It must have its package and the shared layer."
  }

  assert {
    condition = one(aws_lambda_function.this.environment).variables == tomap({
      TABLE = "stock", POWERTOOLS_SERVICE_NAME = "order-stock", POWERTOOLS_METRICS_NAMESPACE = "opsctl-test", POWERTOOLS_LOG_LEVEL = "INFO"
    })
    error_message = "Powertools must know the service and the namespace."
  }
}

run "in_a_network_lambda_may_make_interfaces_and_its_own_code_may_not" {
  variables {
    network = { subnet_ids = ["subnet-00000003", "subnet-00000004"], security_group_id = "sg-00000002" }
  }

  assert {
    condition     = one(aws_lambda_function.this.vpc_config).subnet_ids == toset(["subnet-00000003", "subnet-00000004"]) && one(aws_lambda_function.this.vpc_config).security_group_ids == toset(["sg-00000002"])
    error_message = "The function must run in the given subnets, with the given group alone."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Condition.ArnLike["lambda:SourceFunctionArn"]
      if statement.Effect == "Deny" && contains(statement.Action, "ec2:CreateNetworkInterface")
    ] == [["arn:*:lambda:*:*:function:opsctl-test-order-stock"]]
    error_message = "The function's own code must be denied what Lambda needs for the VPC."
  }
}

run "a_name_that_is_none_is_refused" {
  command = plan
  variables {
    name        = "Order_Stock"
    name_prefix = "Opsctl"
  }
  expect_failures = [var.name, var.name_prefix]
}

run "another_language_is_refused" {
  command = plan
  variables {
    defaults = { package_dir = "/packages", runtime = "nodejs22.x", layer_arns = [], log_retention_days = 30 }
  }
  expect_failures = [var.defaults]
}

run "an_empty_package_folder_is_refused" {
  command = plan
  variables {
    defaults = { package_dir = "", runtime = "python3.11", layer_arns = [], log_retention_days = 30 }
  }
  expect_failures = [var.defaults]
}

run "logs_for_ever_are_refused" {
  command = plan
  variables {
    defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 0 }
  }
  expect_failures = [var.defaults]
}

run "more_than_five_layers_are_refused" {
  command = plan
  variables {
    defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = ["a", "b", "c", "d", "e", "f"], log_retention_days = 30 }
  }
  expect_failures = [var.defaults]
}
