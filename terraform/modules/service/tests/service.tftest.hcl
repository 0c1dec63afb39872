mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-00000000000000001" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::opsctl-test-artifacts" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/opsctl-test-service" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::111122223333:instance-profile/opsctl-test-service" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/opsctl-test/service" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/opsctl-test-service/1", dns_name = "nlb.example.com" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/opsctl-test-service/1" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", default_version = 3, latest_version = 4 }
  }
}

variables {
  name_prefix = "opsctl-test"
  network = {
    vpc_id                          = "vpc-00000001"
    subnet_ids                      = ["subnet-00000001", "subnet-00000002"]
    load_balancer_security_group_id = "sg-0000000a"
    service_security_group_id       = "sg-0000000b"
  }
  database = {
    address          = "db.example.com"
    port             = 3306
    name             = "orders"
    service_user     = "orders_service"
    service_user_arn = "arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABC/orders_service"
  }
  package_dir = "tests/packages"
  instances   = { min = 2, max = 4, desired = 2 }
  tags        = { Environment = "test", Owner = "us" }
}

run "the_load_balancer_is_internal_and_spans_zones" {
  assert {
    condition     = aws_lb.this.internal && aws_lb.this.load_balancer_type == "network" && aws_lb.this.enable_cross_zone_load_balancing
    error_message = "The load balancer must be internal and balance over both zones."
  }

  assert {
    condition     = aws_lb.this.security_groups == toset(["sg-0000000a"])
    error_message = "The load balancer must wear its group from its creation: AWS takes none later."
  }

  assert {
    condition     = aws_lb.this.enable_deletion_protection
    error_message = "Unless an environment says otherwise the load balancer can't be deleted."
  }

  assert {
    condition     = one(aws_lb_target_group.this.health_check).path == "/health/ready" && one(aws_lb_target_group.this.health_check).protocol == "HTTP"
    error_message = "An instance is healthy when it says that it is ready, not when its port is open."
  }

  assert {
    condition     = output.load_balancer.url == "http://nlb.example.com:8080"
    error_message = "The URL is what an HTTP integration needs: no slash at its end."
  }
}

run "instances_are_private_hardened_and_encrypted" {
  assert {
    condition     = one(aws_launch_template.this.metadata_options).http_tokens == "required" && one(aws_launch_template.this.metadata_options).http_put_response_hop_limit == 1
    error_message = "The metadata service must ask for a session token (IMDSv2), from the instance itself alone."
  }

  assert {
    condition     = one(aws_launch_template.this.network_interfaces).associate_public_ip_address == "false" && one(aws_launch_template.this.network_interfaces).security_groups == toset(["sg-0000000b"])
    error_message = "Instances must have no public address and wear the service's group alone."
  }

  assert {
    condition     = alltrue([for mapping in aws_launch_template.this.block_device_mappings : one(mapping.ebs).encrypted == "true" && one(mapping.ebs).volume_type == "gp3"])
    error_message = "Disks must be encrypted gp3."
  }

  assert {
    condition     = aws_launch_template.this.key_name == null
    error_message = "There is no SSH key: people come by SSM."
  }

  assert {
    condition     = toset([for specification in aws_launch_template.this.tag_specifications : specification.tags.Environment]) == toset(["test"]) && length(aws_launch_template.this.tag_specifications) == 3
    error_message = "Instances, interfaces and disks must carry the environment's tags."
  }
}

run "the_group_runs_the_proved_version_and_judges_by_the_load_balancer" {
  assert {
    condition     = one(aws_autoscaling_group.this.launch_template).version == "3"
    error_message = "The group must run the template's default version, which a deploy sets when it succeeded, not the latest."
  }

  assert {
    condition     = aws_autoscaling_group.this.health_check_type == "ELB" && length(aws_autoscaling_group.this.vpc_zone_identifier) == 2
    error_message = "The group must span both subnets and replace what the load balancer finds unhealthy."
  }

  assert {
    condition     = one(one(aws_autoscaling_group.this.instance_refresh).preferences).min_healthy_percentage == 100 && one(one(aws_autoscaling_group.this.instance_refresh).preferences).auto_rollback
    error_message = "A refresh must start new instances before it ends old ones, and go back when they fail."
  }
}

run "the_role_may_do_what_the_service_does_and_no_more" {
  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid => statement.Resource } == {
      ReadArtifacts    = "arn:aws:s3:::opsctl-test-artifacts/service/*"
      SignInToDatabase = "arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABC/orders_service"
      WriteLog         = "arn:aws:logs:eu-central-1:111122223333:log-group:/opsctl-test/service:*"
    }
    error_message = "The role may read artifacts, sign in as its own user and write its own log."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.managed_by_ssm.policy).Statement : alltrue([for action in flatten([statement.Action]) : !strcontains(action, "*") && !startswith(action, "ssm:Get")])])
    error_message = "SSM may manage the instance, but the instance may not read parameters."
  }
}

run "artifacts_are_private_versioned_encrypted_and_fetched_by_digest" {
  assert {
    condition = (
      aws_s3_bucket_public_access_block.artifacts.block_public_acls && aws_s3_bucket_public_access_block.artifacts.block_public_policy
      && aws_s3_bucket_public_access_block.artifacts.ignore_public_acls && aws_s3_bucket_public_access_block.artifacts.restrict_public_buckets
    )
    error_message = "The artifact bucket must be private."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.artifacts.versioning_configuration).status == "Enabled"
    error_message = "The artifact bucket must keep versions."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.artifacts.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "The artifact bucket must be encrypted."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.this.user_data), "\nARTIFACT_SHA256='${filesha256("tests/packages/service.jar")}'\n")
    error_message = "The user data must name the artifact in the line that deploys change."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.this.user_data), "sha256sum --check") && strcontains(base64decode(aws_launch_template.this.user_data), "DB_HOST=db.example.com\n")
    error_message = "The user data must prove the artifact's digest and say where the database is."
  }
}

run "an_environment_begins_with_the_service_that_was_built_for_it" {
  assert {
    condition     = aws_s3_object.first_artifact.key == "service/${filesha256("tests/packages/service.jar")}.jar"
    error_message = "The first artifact must lie where instances fetch it: under its own digest."
  }

  assert {
    condition     = aws_ssm_parameter.artifact.insecure_value == filesha256("tests/packages/service.jar")
    error_message = "The parameter must say which artifact runs, from the start."
  }
}

run "a_later_plan_needs_no_jar_and_keeps_what_runs" {
  command = plan
  variables {
    package_dir = "tests/nowhere"
  }

  assert {
    condition = (
      aws_s3_object.first_artifact.key == "service/${filesha256("tests/packages/service.jar")}.jar"
      && aws_ssm_parameter.artifact.insecure_value == filesha256("tests/packages/service.jar")
    )
    error_message = "What runs is the deploys' word: another build, or none, must change nothing and stop nobody."
  }
}

run "the_service_signs_in_with_a_token" {
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this.user_data), "\nDB_SECRET_ARN=\nDB_TLS_CA=\n")
    error_message = "Without a secret the service must be told of none, and trust Amazon's authorities."
  }
}

run "the_service_signs_in_with_a_password_where_the_database_has_one" {
  variables {
    database = {
      address            = "db.example.com"
      port               = 3306
      name               = "orders"
      service_user       = "orders_service"
      service_user_arn   = "arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABC/orders_service"
      service_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:opsctl-test/database/orders_service-AbCdEf"
      kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/1"
    }
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid => statement.Resource } == {
      ReadArtifacts           = "arn:aws:s3:::opsctl-test-artifacts/service/*"
      WriteLog                = "arn:aws:logs:eu-central-1:111122223333:log-group:/opsctl-test/service:*"
      ReadDatabasePassword    = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:opsctl-test/database/orders_service-AbCdEf"
      DecryptDatabasePassword = "arn:aws:kms:eu-central-1:111122223333:key/1"
    }
    error_message = "With a secret the role may read that one, decrypt it, and sign in no other way."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.this.user_data), "\nDB_SECRET_ARN=arn:aws:secretsmanager:eu-central-1:111122223333:secret:opsctl-test/database/orders_service-AbCdEf\n")
    error_message = "The service must be told which secret holds its password."
  }
}

run "the_newest_amazon_linux_is_the_default_image_and_named_by_its_id" {
  assert {
    condition     = startswith(data.aws_ssm_parameter.image[0].name, "/aws/service/ami-amazon-linux-latest/al2023-")
    error_message = "Without an image named, instances start from the newest Amazon Linux 2023."
  }

  assert {
    condition     = aws_launch_template.this.image_id == "ami-00000000000000001"
    error_message = "The template must name the image itself: AWS rolls no refresh back that has it looked up at each launch."
  }
}

run "a_named_image_is_taken" {
  variables {
    ami_id = "ami-0123456789abcdef0"
  }

  assert {
    condition     = aws_launch_template.this.image_id == "ami-0123456789abcdef0"
    error_message = "A named image must be taken."
  }
}

run "more_at_least_than_at_most_is_refused" {
  command = plan
  variables {
    instances = { min = 3, max = 2, desired = 2 }
  }
  expect_failures = [var.instances]
}

run "one_subnet_is_refused" {
  command = plan
  variables {
    network = {
      vpc_id                          = "vpc-00000001"
      subnet_ids                      = ["subnet-00000001"]
      load_balancer_security_group_id = "sg-0000000a"
      service_security_group_id       = "sg-0000000b"
    }
  }
  expect_failures = [var.network]
}

run "untagged_instances_are_refused" {
  command = plan
  variables {
    tags = {}
  }
  expect_failures = [var.tags]
}

run "malformed_words_are_refused" {
  command = plan
  variables {
    name_prefix        = "Opsctl_Test"
    port               = 80
    ami_id             = "amazon-linux"
    instance_type      = "small"
    root_volume_gb     = 4
    cpu_target_percent = 100
    warmup_seconds     = 5
    log_retention_days = 2
    package_dir        = ""
  }
  expect_failures = [
    var.name_prefix, var.port, var.ami_id, var.instance_type, var.root_volume_gb, var.cpu_target_percent, var.warmup_seconds, var.log_retention_days, var.package_dir,
  ]
}
