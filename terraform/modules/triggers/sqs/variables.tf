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

variable "queue_arn" {
  description = "The queue. Its visibility timeout should be six times the function's timeout (AWS's advice), its redrive policy is its owner's."
  type        = string
}

variable "batch_size" {
  description = "Most messages in one event."
  type        = number
  default     = 10

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10
    error_message = "batch_size must be 1 to 10: a larger one needs a batching window."
  }
}

variable "maximum_concurrency" {
  description = "Most workers that the queue may start at the same time. Lambda allows 2 to 1000."
  type        = number
  default     = 10

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "maximum_concurrency must be 2 to 1000."
  }
}
