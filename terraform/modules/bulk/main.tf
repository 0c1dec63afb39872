# image.validated ─ rule ─ three jobs, one for each version ──┐
# bulk.requested ─ bulk-plan ─ manifest in S3 ─ one array job ─┴─ queue ─ Fargate ─ S3 versions/
#                                                                           └─ the job's end ─ bulk-follow-up ─ report, bulk.finished, SNS

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.id
  partition  = data.aws_partition.current.partition
  name       = "${var.name_prefix}-bulk"

  versions = ["small", "medium", "large"]

  # Said rather than referred to, so that what depends on a slow resource needn't wait for it.
  bucket_name       = "${local.name}-${local.account_id}-${local.region}"
  bucket_arn        = "arn:${local.partition}:s3:::${local.bucket_name}"
  queue_arn         = "arn:${local.partition}:batch:${local.region}:${local.account_id}:job-queue/${local.name}"
  failure_queue_arn = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.name}-failures"
  plan_function_arn = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.name_prefix}-bulk-plan:live"
  rule_arns = [
    "arn:${local.partition}:events:${local.region}:${local.account_id}:rule/${var.event_bus.name}/${local.name}-versions",
    "arn:${local.partition}:events:${local.region}:${local.account_id}:rule/${var.event_bus.name}/${var.name_prefix}-bulk-plan",
    "arn:${local.partition}:events:${local.region}:${local.account_id}:rule/${var.name_prefix}-bulk-follow-up",
  ]

  sources = jsonencode({ for name, place in var.sources : name => { bucket = place.id, prefix = place.prefix } })

  # The image's tag is its package's digest: the definition names what runs, and the local cloud proves it.
  package     = "${var.package_dir}/bulk-job.zip"
  image_tag   = coalesce(var.image_tag, try(filesha256(local.package), "not-built")) # nothing is built for a destroy
  package_key = "jobs/${local.image_tag}.zip"
}

resource "aws_s3_bucket" "this" {
  bucket        = local.bucket_name
  force_destroy = var.force_destroy
}

resource "aws_s3_object" "package" {
  bucket       = aws_s3_bucket.this.id
  key          = local.package_key
  source       = local.package
  content_type = "application/zip"

  # The key is the content's digest: the same key never needs another upload. An object's tags are not worth a call each.
  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    ignore_changes = [source]
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  dynamic "rule" {
    for_each = toset(["requests", "results", "reports"])

    content {
      id     = "remove-old-${rule.value}"
      status = "Enabled"

      filter {
        prefix = "${rule.value}/"
      }

      expiration {
        days = var.report_retention_days
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyOverTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_ecr_repository" "job" {
  name                 = "${var.name_prefix}/bulk-job"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_destroy

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "job" {
  repository = aws_ecr_repository.job.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the last ten: enough to go back"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 10 }
      action       = { type = "expire" }
    }]
  })
}

resource "aws_security_group" "job" {
  name        = "${local.name}-jobs"
  description = "Batch jobs: out to AWS's endpoints, nobody in"
  vpc_id      = var.network.vpc_id
  tags        = { Name = "${local.name}-jobs" }
}

resource "aws_vpc_security_group_egress_rule" "to_endpoints" {
  security_group_id            = aws_security_group.job.id
  referenced_security_group_id = var.network.endpoints_security_group_id
  description                  = "ECR and CloudWatch Logs by interface endpoint"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_jobs" {
  security_group_id            = var.network.endpoints_security_group_id
  referenced_security_group_id = aws_security_group.job.id
  description                  = "AWS services for Batch jobs"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "to_s3" {
  security_group_id = aws_security_group.job.id
  prefix_list_id    = var.network.s3_prefix_list_id
  description       = "S3 by gateway endpoint: photos, and the image's layers"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_cloudwatch_log_group" "job" {
  name              = "/aws/batch/${local.name}"
  retention_in_days = var.function_defaults.log_retention_days
}

resource "aws_batch_compute_environment" "this" {
  compute_environment_name = local.name
  type                     = "MANAGED"
  service_role             = aws_iam_role.batch.arn

  compute_resources {
    type               = "FARGATE"
    max_vcpus          = var.max_vcpus
    subnets            = var.network.subnet_ids
    security_group_ids = [aws_security_group.job.id]
  }

  # Without its policy Batch can't take the environment down again.
  depends_on = [aws_iam_role_policy_attachment.batch]
}

resource "aws_batch_job_queue" "this" {
  name     = local.name
  state    = "ENABLED"
  priority = 10

  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.this.arn
  }
}

locals {
  definitions = {
    "image-version" = {
      name       = "${var.name_prefix}-image-version"
      command    = ["version", "Ref::bucket", "Ref::key", "Ref::name", "Ref::version"]
      parameters = { bucket = "", key = "", name = "", version = "small" }
    }
    "bulk-slice" = {
      name       = "${var.name_prefix}-bulk-slice"
      command    = ["slice", "Ref::manifest"]
      parameters = { manifest = "" }
    }
  }
}

resource "aws_batch_job_definition" "this" {
  for_each = local.definitions

  name                  = each.value.name
  type                  = "container"
  platform_capabilities = ["FARGATE"]
  propagate_tags        = true
  parameters            = each.value.parameters

  container_properties = jsonencode({
    image            = "${aws_ecr_repository.job.repository_url}:${local.image_tag}"
    command          = each.value.command
    jobRoleArn       = aws_iam_role.job.arn
    executionRoleArn = aws_iam_role.execution.arn
    environment = [
      { name = "BUCKET", value = local.bucket_name },
      { name = "JOB_PACKAGE", value = "s3://${local.bucket_name}/${local.package_key}" },
    ]
    fargatePlatformConfiguration = { platformVersion = "LATEST" }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.job.name
        awslogs-region        = local.region
        awslogs-stream-prefix = each.key
      }
    }
    networkConfiguration = { assignPublicIp = "DISABLED" }
    resourceRequirements = [
      { type = "VCPU", value = tostring(var.job.vcpus) },
      { type = "MEMORY", value = tostring(var.job.memory_mb) },
    ]
    runtimePlatform = { cpuArchitecture = "X86_64", operatingSystemFamily = "LINUX" }
  })

  retry_strategy {
    attempts = var.job.attempts

    evaluate_on_exit {
      action       = "EXIT"
      on_exit_code = "65" # main.py: the file will never be a photo
    }

    evaluate_on_exit {
      action    = "EXIT"
      on_reason = "CannotPullContainerError*"
    }

    evaluate_on_exit {
      action           = "RETRY"
      on_status_reason = "*"
    }
  }

  timeout {
    attempt_duration_seconds = var.job.timeout_seconds
  }
}

resource "aws_sqs_queue" "failures" {
  name                      = "${local.name}-failures"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RulesOfThisModuleSetAside"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.failure_queue_arn
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arns } }
    }]
  })
}

resource "aws_sns_topic" "finished" {
  name              = "${local.name}-finished"
  kms_master_key_id = "alias/aws/sns"
}

resource "aws_sns_topic_policy" "finished" {
  arn = aws_sns_topic.finished.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:DeleteTopic"]
        Resource  = aws_sns_topic.finished.arn
      },
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.finished.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
