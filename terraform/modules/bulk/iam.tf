# Who may do what: Batch itself, EventBridge for it, the platform that starts a job, and the job.

locals {
  trusts = {
    batch     = { Service = "batch.amazonaws.com", Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } } }
    events    = { Service = "events.amazonaws.com", Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arns[0] } } }
    execution = { Service = "ecs-tasks.amazonaws.com", Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } } }
    job       = { Service = "ecs-tasks.amazonaws.com", Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } } }
  }
  trust_policies = {
    for name, trust in local.trusts : name => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Principal = { Service = trust.Service }
        Action    = "sts:AssumeRole"
        Condition = trust.Condition
      }]
    })
  }
}

resource "aws_iam_role" "batch" {
  name               = "${local.name}-batch"
  assume_role_policy = local.trust_policies.batch
}

# AWS's own: what a managed compute environment needs changes with the service.
resource "aws_iam_role_policy_attachment" "batch" {
  role       = aws_iam_role.batch.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSBatchServiceRole"
}

resource "aws_iam_role" "events" {
  name               = "${local.name}-events"
  assume_role_policy = local.trust_policies.events
}

resource "aws_iam_role_policy" "events" {
  name = "work"
  role = aws_iam_role.events.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "SubmitVersions"
      Effect   = "Allow"
      Action   = ["batch:SubmitJob"]
      Resource = [local.queue_arn, "${local.definition_arns["image-version"]}*"]
    }]
  })
}

resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  assume_role_policy = local.trust_policies.execution
}

resource "aws_iam_role_policy" "execution" {
  name = "work"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "PullTheImage"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = [aws_ecr_repository.job.arn]
      },
      {
        Sid      = "SignInToTheRegistry"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"] # it knows no resources
      },
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.job.arn}:*"]
      },
    ]
  })
}

resource "aws_iam_role" "job" {
  name               = "${local.name}-job"
  assume_role_policy = local.trust_policies.job
}

resource "aws_iam_role_policy" "job" {
  name = "work"
  role = aws_iam_role.job.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadOriginals"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for place in var.sources : "${place.arn}/${place.prefix}*"]
      },
      {
        Sid      = "ReadManifests"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${local.bucket_arn}/requests/*"]
      },
      {
        Sid      = "KeepVersions"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = ["${local.bucket_arn}/versions/*"]
      },
      {
        Sid      = "WriteResults"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arn}/results/*"]
      },
      {
        # Without it what is missing would be answered as forbidden.
        Sid       = "KnowWhatIsMissing"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = concat([local.bucket_arn], [for place in var.sources : place.arn])
        Condition = { StringLike = { "s3:prefix" = concat(["versions/*"], [for place in var.sources : "${place.prefix}*"]) } }
      },
    ]
  })
}
