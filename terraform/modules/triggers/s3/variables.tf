variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string
}

variable "function" {
  description = "The function that is triggered, as modules/function takes it."
  type = object({
    name            = string
    description     = string
    memory_mb       = optional(number, 256)
    timeout_seconds = optional(number, 10)
    environment     = optional(map(string), {})
    permissions = optional(map(object({
      Action    = list(string)
      Resource  = list(string)
      Condition = optional(map(map(list(string))))
    })), {})
  })
}

variable "function_defaults" {
  description = "What all functions of an environment share, as modules/function takes it."
  type = object({
    package_dir        = string
    runtime            = string
    layer_arns         = list(string)
    log_retention_days = number
  })
}

variable "bucket" {
  description = "The bucket: {id, arn}. This module writes its whole notification configuration."
  type        = object({ id = string, arn = string })
}

variable "account_id" {
  description = "The bucket's account: S3 may call the function for no other's."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "prefix" {
  description = "Objects whose keys begin so. What the function writes must lie elsewhere, or it would call itself for ever."
  type        = string

  validation {
    condition     = can(regex("^[^/].*/$", var.prefix))
    error_message = "prefix must name a folder, such as incoming/."
  }
}

variable "events" {
  description = "Which of S3's events."
  type        = list(string)
  default     = ["s3:ObjectCreated:*"]
}

variable "failure_queue_arn" {
  description = "The SQS queue for events that could not be worked off: Lambda's record, with the event as requestPayload."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sqs:", var.failure_queue_arn))
    error_message = "failure_queue_arn must be the ARN of an SQS queue."
  }
}
