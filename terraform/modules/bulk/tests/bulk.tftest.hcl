mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/a-role" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:a-function:live" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:a-group" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:rule/a-rule" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:a-topic" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:eu-central-1:111122223333:repository/a", repository_url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/a" }
  }
  mock_resource "aws_batch_compute_environment" {
    defaults = { arn = "arn:aws:batch:eu-central-1:111122223333:compute-environment/a" }
  }
  mock_resource "aws_batch_job_definition" {
    defaults = { arn = "arn:aws:batch:eu-central-1:111122223333:job-definition/a:1" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:a-queue" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 30 }
  package_dir       = "/packages"
  image_tag         = "0123456789abcdef"
  event_bus         = { name = "opsctl-test-events", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/opsctl-test-events" }
  network           = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], endpoints_security_group_id = "sg-endpoints", s3_prefix_list_id = "pl-s3" }
  sources = {
    photos = { id = "photos", arn = "arn:aws:s3:::photos", prefix = "uploads/" }
    images = { id = "images", arn = "arn:aws:s3:::images", prefix = "incoming/" }
  }
}

run "what_is_kept_is_private_and_encrypted" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
      one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256",
      aws_sqs_queue.failures.sqs_managed_sse_enabled,
    ])
    error_message = "Bucket and queue must be private and encrypted."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Effect == "Deny"
    error_message = "The bucket is reached over TLS only."
  }
}

run "an_image_can_not_be_replaced_under_its_tag_and_is_scanned" {
  assert {
    condition     = aws_ecr_repository.job.image_tag_mutability == "IMMUTABLE" && one(aws_ecr_repository.job.image_scanning_configuration).scan_on_push
    error_message = "What was reviewed under a tag must be what runs."
  }

  assert {
    condition = alltrue([
      for definition in aws_batch_job_definition.this :
      endswith(jsondecode(definition.container_properties).image, ":0123456789abcdef")
    ])
    error_message = "A definition names its image by the package's digest, never by latest."
  }
}

run "jobs_have_no_public_address_and_nobody_gets_in" {
  assert {
    condition = alltrue([
      for definition in aws_batch_job_definition.this :
      jsondecode(definition.container_properties).networkConfiguration.assignPublicIp == "DISABLED"
    ])
    error_message = "Jobs must not have a public address."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.to_s3.prefix_list_id == "pl-s3" && aws_vpc_security_group_egress_rule.to_endpoints.referenced_security_group_id == "sg-endpoints"
    error_message = "Jobs reach S3 and AWS's endpoints only."
  }
}

run "a_failed_attempt_is_repeated_unless_that_is_no_use" {
  assert {
    condition = alltrue([
      for definition in aws_batch_job_definition.this : alltrue([
        one(definition.retry_strategy).attempts == 3,
        one(definition.retry_strategy).evaluate_on_exit[0].on_exit_code == "65",
        one(definition.retry_strategy).evaluate_on_exit[0].action == "EXIT",
        one(definition.retry_strategy).evaluate_on_exit[2].action == "RETRY",
        one(definition.timeout).attempt_duration_seconds == 900,
      ])
    ])
    error_message = "A fault is tried three times, what can never be a photo once, and no attempt runs for ever."
  }
}

run "a_job_may_touch_its_photos_and_versions_only" {
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.job.policy).Statement :
      !contains(statement.Resource, "*") && alltrue([for action in statement.Action : !endswith(action, "*")])
    ])
    error_message = "The job's role names what it touches."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.job.policy).Statement : statement.Resource if statement.Sid == "ReadOriginals"
    ]) == ["arn:aws:s3:::images/incoming/*", "arn:aws:s3:::photos/uploads/*"]
    error_message = "Originals are read within their folder."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.events.policy).Statement[0].Action == ["batch:SubmitJob"]
    error_message = "EventBridge may submit, and no more."
  }
}

run "one_job_for_each_version_of_an_image_and_none_for_a_photo" {
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.versions.event_pattern).detail.origin == ["images"]
    error_message = "Photos have their thumbnail from a function."
  }

  assert {
    condition     = keys(aws_cloudwatch_event_target.version) == ["large", "medium", "small"]
    error_message = "One job for each version."
  }

  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.version : one(target.dead_letter_config).arn == "arn:aws:sqs:eu-central-1:111122223333:opsctl-test-bulk-failures"])
    error_message = "An event that Batch won't take must not be lost."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.failures.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == local.rule_arns
    error_message = "Only this module's rules may send to the failure queue."
  }
}

run "sources_must_have_photos" {
  command = plan
  variables {
    sources = { images = { id = "images", arn = "arn:aws:s3:::images", prefix = "incoming/" } }
  }
  expect_failures = [var.sources]
}

run "a_source_is_one_folder" {
  command = plan
  variables {
    sources = { photos = { id = "photos", arn = "arn:aws:s3:::photos", prefix = "*" } }
  }
  expect_failures = [var.sources]
}

run "what_the_failure_queue_refers_to_is_kept_as_long" {
  command = plan
  variables {
    report_retention_days = 7
  }
  expect_failures = [var.report_retention_days]
}
