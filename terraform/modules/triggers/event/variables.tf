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

variable "event_pattern" {
  description = "Which events: an EventBridge pattern as JSON. One without a source would take every event of the bus."
  type        = string

  validation {
    condition     = can(length(jsondecode(var.event_pattern).source) > 0)
    error_message = "event_pattern must be a JSON object that names at least one source."
  }
}

variable "bus_name" {
  description = "The event bus. AWS's own services publish onto `default`."
  type        = string
  default     = "default"
}

variable "failure_queue_arn" {
  description = "The SQS queue for events that could not be handed over or worked off. Its policy must let events.amazonaws.com send for this module's rule."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sqs:", var.failure_queue_arn))
    error_message = "failure_queue_arn must be the ARN of an SQS queue."
  }
}

variable "maximum_event_age_seconds" {
  description = "How long an event is tried before it is set aside. Lambda keeps one for 60 s to 6 hours."
  type        = number
  default     = 6 * 3600

  validation {
    condition     = var.maximum_event_age_seconds >= 60 && var.maximum_event_age_seconds <= 21600
    error_message = "maximum_event_age_seconds must be 60 to 21600."
  }
}
