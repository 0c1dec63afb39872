mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000" }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      resource_id        = "db-ABC"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1" }]
    }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:service" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/database-user" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { version = "1" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  subnet_ids        = ["subnet-00000001", "subnet-00000002"]
  security_group_id = "sg-00000001"
  function_defaults = {
    package_dir        = "/packages"
    runtime            = "python3.11"
    layer_arns         = ["arn:aws:lambda:eu-central-1:111122223333:layer:opsctl-test-shared:1"]
    log_retention_days = 30
  }
  function_network = {
    subnet_ids        = ["subnet-00000003", "subnet-00000004"]
    security_group_id = "sg-00000002"
  }
}

run "the_database_is_private_and_encrypted_by_our_own_key" {
  assert {
    condition     = !aws_db_instance.this.publicly_accessible
    error_message = "The database must not be reachable from the Internet."
  }

  assert {
    condition     = aws_db_instance.this.vpc_security_group_ids == toset(["sg-00000001"]) && aws_db_subnet_group.this.subnet_ids == toset(var.subnet_ids)
    error_message = "The database must lie in the given subnets and wear the given group alone."
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == aws_kms_key.this.arn && aws_kms_key.this.enable_key_rotation
    error_message = "Storage must be encrypted by a key of ours that rotates."
  }
}

run "nobody_knows_a_password" {
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null && aws_db_instance.this.master_user_secret_kms_key_id == aws_kms_key.this.arn
    error_message = "RDS must make and keep the master password, under our key."
  }

  assert {
    condition     = aws_db_instance.this.iam_database_authentication_enabled
    error_message = "The service must be able to sign in by IAM."
  }

  assert {
    condition     = output.service_user_arn == "arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABC/orders_service"
    error_message = "The ARN to connect with must name this database and the service's user alone."
  }
}

run "connections_must_be_encrypted" {
  assert {
    condition     = { for parameter in aws_db_parameter_group.this.parameter : parameter.name => parameter.value }["require_secure_transport"] == "1"
    error_message = "MySQL must refuse connections without TLS."
  }

  assert {
    condition     = { for parameter in aws_db_parameter_group.this.parameter : parameter.name => parameter.value }["tls_version"] == "TLSv1.2,TLSv1.3"
    error_message = "MySQL must refuse TLS below 1.2."
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "mysql8.4" && startswith(aws_db_instance.this.engine_version, "8.4")
    error_message = "Engine and parameter group must be of MySQL 8.4."
  }
}

run "by_default_data_survives_mistakes" {
  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == "opsctl-test-final"
    error_message = "Unless an environment says otherwise the database can't be deleted, and not without a last snapshot."
  }

  assert {
    condition     = aws_db_instance.this.backup_retention_period == 7 && aws_db_instance.this.copy_tags_to_snapshot
    error_message = "A week of backups, tagged as their database."
  }
}

run "an_environment_may_say_that_its_data_can_be_lost" {
  variables {
    deletion_protection = false
    final_snapshot      = false
  }

  assert {
    condition     = !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == null
    error_message = "Such an environment must be able to go without a trace."
  }
}

run "logs_are_exported_and_end_but_never_hold_every_statement" {
  assert {
    condition     = toset(aws_db_instance.this.enabled_cloudwatch_logs_exports) == toset(["error", "slowquery"])
    error_message = "Errors and slow queries go to CloudWatch; the general log holds people's data and doesn't."
  }

  assert {
    condition     = alltrue([for name in ["error", "slowquery"] : aws_cloudwatch_log_group.this[name].retention_in_days == 30])
    error_message = "The logs must end."
  }
}

run "performance_insights_are_kept_under_our_key" {
  variables {
    instance_class       = "db.r7g.large"
    performance_insights = true
  }

  assert {
    condition     = aws_db_instance.this.performance_insights_enabled && aws_db_instance.this.performance_insights_kms_key_id == aws_kms_key.this.arn
    error_message = "Performance Insights hold statements: encrypt them as the data."
  }
}

run "performance_insights_on_a_size_without_them_are_refused" {
  command = plan
  variables {
    performance_insights = true
  }
  expect_failures = [var.performance_insights]
}

run "no_backups_are_refused" {
  command = plan
  variables {
    backup_retention_days = 0
  }
  expect_failures = [var.backup_retention_days]
}

run "one_subnet_is_refused" {
  command = plan
  variables {
    subnet_ids = ["subnet-00000001"]
  }
  expect_failures = [var.subnet_ids]
}

run "another_line_of_mysql_is_refused" {
  command = plan
  variables {
    engine_version = "8.0"
  }
  expect_failures = [var.engine_version]
}

run "less_storage_than_gp3_begins_with_is_refused" {
  command = plan
  variables {
    storage_gb = 5
  }
  expect_failures = [var.storage_gb]
}

run "no_room_to_grow_is_refused" {
  command = plan
  variables {
    storage_gb     = 100
    max_storage_gb = 110
  }
  expect_failures = [var.max_storage_gb]
}

run "the_master_user_as_the_service_is_refused" {
  command = plan
  variables {
    service_user = "master"
  }
  expect_failures = [var.service_user]
}

run "malformed_words_are_refused" {
  command = plan
  variables {
    name_prefix        = "Opsctl_Test"
    database_name      = "my-orders"
    instance_class     = "t4g.micro"
    port               = 80
    max_connections    = 1
    log_retention_days = 2
    key_deletion_days  = 1
  }
  expect_failures = [
    var.name_prefix, var.database_name, var.instance_class, var.port, var.max_connections, var.log_retention_days, var.key_deletion_days,
  ]
}

run "on_aws_the_service_signs_in_by_iam_and_has_no_password" {
  assert {
    condition     = length(aws_secretsmanager_secret.service_user) == 0 && output.service_secret_arn == ""
    error_message = "With IAM there must be no secret with a password."
  }

  assert {
    condition     = jsondecode(aws_lambda_invocation.service_user.input) == { user = "orders_service", schema = "orders", authentication = "iam" }
    error_message = "The function must make the service's user for its schema alone, with IAM."
  }

  assert {
    condition     = toset(flatten([for permission in local.permissions : permission.Action])) == toset(["secretsmanager:GetSecretValue", "kms:Decrypt"])
    error_message = "With IAM the function must not be able to write a secret."
  }
}

run "with_a_password_only_the_function_writes_it" {
  variables {
    service_authentication = "password"
  }

  assert {
    condition     = aws_secretsmanager_secret.service_user[0].name == "opsctl-test/database/orders_service" && aws_secretsmanager_secret.service_user[0].kms_key_id == aws_kms_key.this.arn
    error_message = "The password must lie in its own secret, under our key."
  }

  assert {
    condition     = output.service_secret_arn == aws_secretsmanager_secret.service_user[0].arn && local.environment.SERVICE_SECRET_ARN == output.service_secret_arn
    error_message = "Service and function must be told the same secret."
  }

  assert {
    condition = [
      for permission in local.permissions : permission.Resource if contains(permission.Action, "secretsmanager:PutSecretValue")
    ] == [[aws_secretsmanager_secret.service_user[0].arn]]
    error_message = "The function may write that secret and no other."
  }

  assert {
    condition     = jsondecode(aws_lambda_invocation.service_user.input).authentication == "password"
    error_message = "The function must be told to make a password."
  }
}

run "another_way_to_sign_in_is_refused" {
  command = plan
  variables {
    service_authentication = "none"
  }
  expect_failures = [var.service_authentication]
}

run "a_function_without_a_subnet_is_refused" {
  command = plan
  variables {
    function_network = { subnet_ids = [], security_group_id = "sg-00000002" }
  }
  expect_failures = [var.function_network]
}

