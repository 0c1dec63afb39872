variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
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

variable "tokens" {
  description = "Whose tokens let a client connect: issuer, audience, and the SSM parameter with the published keys (modules/auth)."
  type = object({
    issuer         = string
    audience       = string
    keys_parameter = object({ name = string, arn = string })
  })
}

variable "account_logging_role_arn" {
  description = "The role by which API Gateway logs in this account and region. null: another environment sets it."
  type        = string
  default     = null
}

variable "photos_topic_arn" {
  description = "Topic that announces photos (photo.ready)."
  type        = string
}

variable "actions" {
  description = "Actions with a route of their own. realtime-messages knows what each does."
  type        = list(string)
  default     = ["ping", "send", "subscribe", "unsubscribe"]

  validation {
    condition     = length(var.actions) > 0 && alltrue([for action in var.actions : can(regex("^[a-z][a-z_]{0,30}$", action))])
    error_message = "actions must be lower-case words; $connect, $disconnect and $default are there by themselves."
  }
}

variable "throttle" {
  description = "Events (connects and messages) that the stage takes: a second (rate), and at once (burst)."
  type        = object({ rate = number, burst = number })
  default     = { rate = 500, burst = 1000 }

  validation {
    condition     = var.throttle.rate >= 1 && var.throttle.burst >= 1 && var.throttle.rate <= 10000 && var.throttle.burst <= 5000
    error_message = "throttle must be 1 to 10000 a second and 1 to 5000 at once, as the account's quota."
  }
}

variable "sweep_expression" {
  description = "When connections that are gone are looked for, as EventBridge Scheduler writes it."
  type        = string
  default     = "rate(5 minutes)"
}
