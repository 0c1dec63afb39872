# Each function may reach just its own prefixes: originals are read by three, unfinished versions (work/) written by two
# and read by one, which alone writes what people see.

locals {
  originals = ["${local.bucket_arn}/incoming/*", "${var.photos.bucket.arn}/uploads/*"]

  functions = {
    image-validate = {
      description = "Says whether an image is one that we take, and claims it for its execution."
      permissions = {
        ReadOriginals = { Action = ["s3:GetObject"], Resource = local.originals }
        # Without it S3 answers 403 for an object that is gone, and it could not be told from one that is forbidden.
        TellWhatIsGone = { Action = ["s3:ListBucket"], Resource = [local.bucket_arn, var.photos.bucket.arn], Condition = { StringLike = { "s3:prefix" = ["incoming/*", "uploads/*"] } } }
        ClaimImages    = { Action = ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], Resource = [local.table_arn] }
      }
    }
    image-resize = {
      description = "Makes the version that people look at, at most 800 x 600."
      permissions = {
        ReadOriginals  = { Action = ["s3:GetObject"], Resource = local.originals }
        WriteItsWork   = { Action = ["s3:PutObject"], Resource = ["${local.bucket_arn}/work/*"] }
        NoteItsAttempt = { Action = ["dynamodb:UpdateItem"], Resource = [local.table_arn] }
      }
    }
    image-filter = {
      description = "Makes the filtered versions."
      permissions = {
        ReadOriginals  = { Action = ["s3:GetObject"], Resource = local.originals }
        WriteItsWork   = { Action = ["s3:PutObject"], Resource = ["${local.bucket_arn}/work/*"] }
        NoteItsAttempt = { Action = ["dynamodb:UpdateItem"], Resource = [local.table_arn] }
      }
    }
    image-optimise = {
      description = "Finishes every version of an image."
      permissions = {
        ReadWork       = { Action = ["s3:GetObject"], Resource = ["${local.bucket_arn}/work/*"] }
        WriteVersions  = { Action = ["s3:PutObject"], Resource = ["${local.bucket_arn}/images/*", "${local.bucket_arn}/photos/*"] }
        NoteItsAttempt = { Action = ["dynamodb:UpdateItem"], Resource = [local.table_arn] }
      }
    }
  }
}

module "start" {
  source = "../triggers/s3"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  bucket            = { id = aws_s3_bucket.this.id, arn = local.bucket_arn }
  account_id        = local.account_id
  prefix            = "incoming/"
  failure_queue_arn = local.failures_arn

  function = {
    name        = "image-start"
    description = "Starts the state machine for each image that arrives."
    environment = { STATE_MACHINE_ARN = local.state_machine_arn }
    permissions = {
      StartExecutions = { Action = ["states:StartExecution"], Resource = [local.state_machine_arn] }
    }
  }

  depends_on = [aws_sqs_queue.failures]
}

module "function" {
  source   = "../function"
  for_each = local.functions

  name_prefix     = var.name_prefix
  name            = each.key
  description     = each.value.description
  defaults        = var.function_defaults
  memory_mb       = 1024
  timeout_seconds = 30
  environment     = { BUCKET = local.bucket_name, TABLE = local.table_name }
  permissions     = each.value.permissions
}
