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

variable "expression" {
  description = "When: `rate(5 minutes)`, `cron(0 3 * * ? *)` or `at(2030-01-01T12:00:00)`, as EventBridge Scheduler writes it."
  type        = string

  validation {
    condition     = can(regex("^(rate\\(\\d+ (minutes?|hours?|days?)\\)|cron\\([^ ]+( [^ ]+){5}\\)|at\\(\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\))$", var.expression))
    error_message = "expression must be rate(n minutes|hours|days), cron(six fields) or at(yyyy-mm-ddThh:mm:ss)."
  }
}

variable "timezone" {
  description = "Time zone of a cron or at expression, by its IANA name."
  type        = string
  default     = "UTC"
}

variable "flexible_minutes" {
  description = "Within how many minutes after its time it may run. 0: at once."
  type        = number
  default     = 0

  validation {
    condition     = var.flexible_minutes >= 0 && var.flexible_minutes <= 1440
    error_message = "flexible_minutes must be 0 to 1440: Scheduler's windows are at most a day."
  }
}

variable "enabled" {
  description = "Whether it runs."
  type        = bool
  default     = true
}

variable "input" {
  description = "What the function gets beside schedule_arn, scheduled_time, execution_id and attempt_number."
  type        = map(string)
  default     = {}
}

variable "retries" {
  description = "How often Scheduler tries again when it can't call the function. What the function raises is Lambda's to retry, twice."
  type        = number
  default     = 3

  validation {
    condition     = var.retries >= 0 && var.retries <= 185
    error_message = "retries must be 0 to 185."
  }
}

variable "maximum_event_age_seconds" {
  description = "How long Scheduler goes on trying."
  type        = number
  default     = 3600

  validation {
    condition     = var.maximum_event_age_seconds >= 60 && var.maximum_event_age_seconds <= 86400
    error_message = "maximum_event_age_seconds must be 60 to 86400."
  }
}

variable "failure_queue_arn" {
  description = "Queue that gets what failed: an event that the function raised for three times (Lambda's record), or that Scheduler could not hand over (message attributes ERROR_CODE …)."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:sqs:", var.failure_queue_arn))
    error_message = "failure_queue_arn must be an SQS queue's: what fails must be kept."
  }
}
