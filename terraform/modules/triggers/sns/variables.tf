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

variable "topic_arn" {
  description = "The topic. Its policy must let this account subscribe."
  type        = string
}

variable "filter_policy" {
  description = "Values of message attributes of which one must match, by attribute name. null: every message."
  type        = map(list(string))
  default     = null

  validation {
    condition     = var.filter_policy == null || alltrue([for values in values(coalesce(var.filter_policy, {})) : length(values) > 0])
    error_message = "filter_policy needs at least one value for each attribute: without one nothing would ever match."
  }
}

variable "failure_queue_arn" {
  description = "Queue that gets each message that failed three times: requestPayload is the event, responsePayload the reason."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:sqs:", var.failure_queue_arn))
    error_message = "failure_queue_arn must be an SQS queue's: what fails must be kept."
  }
}
