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

variable "stream_arn" {
  description = "The Kinesis data stream."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kinesis:[^:]+:[0-9]{12}:stream/", var.stream_arn))
    error_message = "stream_arn must be the ARN of a Kinesis data stream."
  }
}

variable "failure_bucket_arn" {
  description = "Bucket that keeps what could not be processed, whole and with the reason, below aws/lambda/. A queue would get the records' numbers only."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:s3:::[a-z0-9.-]{3,63}$", var.failure_bucket_arn))
    error_message = "failure_bucket_arn must be the ARN of a bucket."
  }
}

variable "batch_size" {
  description = "Most records in one event. Lambda takes up to 10,000, and 6 MB."
  type        = number
  default     = 100

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000
    error_message = "batch_size must be 1 to 10000."
  }
}

variable "batching_window_seconds" {
  description = "How long a batch is collected before the function is invoked. 0: no longer than it takes to read."
  type        = number
  default     = 0

  validation {
    condition     = var.batching_window_seconds >= 0 && var.batching_window_seconds <= 300
    error_message = "batching_window_seconds must be 0 to 300."
  }
}

variable "starting_position" {
  description = "Where a new mapping begins: TRIM_HORIZON (all that the stream still holds) or LATEST."
  type        = string
  default     = "TRIM_HORIZON"

  validation {
    condition     = contains(["TRIM_HORIZON", "LATEST"], var.starting_position)
    error_message = "starting_position must be TRIM_HORIZON or LATEST."
  }
}

variable "parallelization_factor" {
  description = "Batches of one shard at the same time, each with its own keys: order holds for a key. Lambda allows 1 to 10."
  type        = number
  default     = 1

  validation {
    condition     = var.parallelization_factor >= 1 && var.parallelization_factor <= 10
    error_message = "parallelization_factor must be 1 to 10."
  }
}

variable "maximum_retry_attempts" {
  description = "How often a record is tried again, alone, before it is set aside. -1, for ever, is refused: it would stop the shard."
  type        = number
  default     = 3

  validation {
    condition     = var.maximum_retry_attempts >= 0 && var.maximum_retry_attempts <= 10000
    error_message = "maximum_retry_attempts must be 0 to 10000: a record that is tried for ever stops its shard."
  }
}

variable "maximum_record_age_seconds" {
  description = "How old a record may get before it is set aside. Lambda allows 60 s to 7 days."
  type        = number
  default     = 6 * 3600

  validation {
    condition     = var.maximum_record_age_seconds >= 60 && var.maximum_record_age_seconds <= 604800
    error_message = "maximum_record_age_seconds must be 60 to 604800."
  }
}

variable "filter_pattern" {
  description = "Records that the function gets, as a Lambda event filter in JSON; null: all."
  type        = string
  default     = null
}
