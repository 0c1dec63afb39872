mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/a-role" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:a-function:live" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/opsctl-test-users" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:keys-abc123" }
  }
  mock_resource "aws_ssm_parameter" {
    defaults = { arn = "arn:aws:ssm:eu-central-1:111122223333:parameter/opsctl-test/auth/published-keys" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:a-group" }
  }
}

variables {
  name_prefix = "opsctl-test"
  function_defaults = {
    package_dir        = "/packages"
    runtime            = "python3.11"
    layer_arns         = ["arn:aws:lambda:eu-central-1:111122223333:layer:opsctl-test-shared:1"]
    log_retention_days = 30
  }
  issuer = "https://test.example.com"
}

run "keys_are_made_by_the_rotation_and_never_by_terraform" {
  assert {
    condition = (
      aws_secretsmanager_secret_rotation.signing_keys.secret_id == aws_secretsmanager_secret.signing_keys.id &&
      aws_secretsmanager_secret_rotation.signing_keys.rotate_immediately && one(aws_secretsmanager_secret_rotation.signing_keys.rotation_rules).automatically_after_days == 30
    )
    error_message = "The first key must come at once, and others every 30 days."
  }

  assert {
    condition     = jsondecode(nonsensitive(aws_ssm_parameter.published_keys.value)) == { keys = [] } && aws_ssm_parameter.published_keys.type == "String"
    error_message = "Terraform must not know a key, and what is published is no secret."
  }

  assert {
    condition     = aws_lambda_permission.rotation.source_account == "111122223333" && aws_lambda_permission.rotation.qualifier == "live"
    error_message = "Secrets Manager may call the rotation for this account only."
  }
}

run "users_are_encrypted_and_can_be_brought_back" {
  assert {
    condition = (
      one(aws_dynamodb_table.users.server_side_encryption).enabled && one(aws_dynamodb_table.users.point_in_time_recovery).enabled &&
      aws_dynamodb_table.users.deletion_protection_enabled && one(aws_dynamodb_table.users.ttl).attribute_name == "expires_at"
    )
    error_message = "The table must have encryption, recovery and deletion protection."
  }
}

run "each_function_may_do_what_its_code_does_and_no_more" {
  assert {
    condition     = length(distinct([for function in output.functions : function.role_name])) == length(output.functions)
    error_message = "Each function must have a role of its own."
  }

  assert {
    condition = alltrue(flatten([
      for function in local.functions : [
        for permission in function.permissions :
        alltrue([for word in concat(permission.Action, permission.Resource) : word != "*" && !endswith(word, ":*")])
      ]
    ]))
    error_message = "No action and no resource may be a wildcard."
  }
}

run "who_checks_tokens_can_not_sign_them" {
  assert {
    condition     = flatten([for permission in local.functions["auth-authorizer"].permissions : permission.Action]) == ["ssm:GetParameter"]
    error_message = "The authorizer may read the published keys, and nothing else."
  }
}

run "who_signs_users_in_can_not_change_them" {
  assert {
    condition = alltrue([
      for permission in local.functions["auth-token"].permissions :
      permission.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["failures#*"]
      if anytrue([for action in permission.Action : contains(["dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:PutItem"], action)])
    ])
    error_message = "The function may write counts of wrong passwords only."
  }
}

run "whoever_signs_and_whoever_checks_mean_the_same_tokens" {
  assert {
    condition = alltrue([
      for name in ["ISSUER", "AUDIENCE"] :
      local.functions["auth-token"].environment[name] == local.functions["auth-authorizer"].environment[name]
      ]) && alltrue([
      for name in ["TOKEN_SECONDS", "PUBLICATION_SECONDS"] :
      local.functions["auth-token"].environment[name] == local.functions["auth-rotation"].environment[name]
    ])
    error_message = "Issuer, audience and times must be the same for all."
  }
}

run "an_environment_that_may_lose_users_is_gone_at_once" {
  variables { force_destroy = true }

  assert {
    condition     = !aws_dynamodb_table.users.deletion_protection_enabled && aws_secretsmanager_secret.signing_keys.recovery_window_in_days == 0
    error_message = "force_destroy must leave nothing behind."
  }
}

run "an_issuer_with_a_path_is_refused" {
  command = plan
  variables { issuer = "https://test.example.com/" }
  expect_failures = [var.issuer]
}

run "a_publication_shorter_than_the_authorizer_needs_is_refused" {
  command = plan
  variables { publication_seconds = 5 }
  expect_failures = [var.publication_seconds]
}

run "a_rotation_that_never_comes_is_refused" {
  command = plan
  variables { rotation_days = 0 }
  expect_failures = [var.rotation_days]
}

run "a_prefix_that_can_not_be_in_a_name_is_refused" {
  command = plan
  variables { name_prefix = "Opsctl_Test" }
  expect_failures = [var.name_prefix]
}

