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

variable "event_bus" {
  description = "The bus that is told how orders end: order.confirmed, order.cancelled."
  type        = object({ name = string, arn = string })
}

variable "payment_sandbox" {
  description = "Whether a sandbox plays the payment provider. Only for environments where nothing is sold."
  type        = bool
  default     = false
}

variable "payment_provider" {
  description = "The payment provider's address, and the Secrets Manager secret that holds its API key. null with a sandbox."
  type        = object({ url = string, secret_arn = string })
  default     = null

  validation {
    condition     = var.payment_provider == null || can(regex("^https://", var.payment_provider.url))
    error_message = "payment_provider.url must begin with https://."
  }
  validation {
    condition     = var.payment_sandbox != (var.payment_provider != null)
    error_message = "Either payment_sandbox or payment_provider: orders are paid at exactly one place."
  }
}

variable "payment_retry" {
  description = "How often the saga asks the provider once more for a charge and for a refund, and the first pause, which doubles."
  type        = object({ interval_seconds = number, attempts = number, refund_attempts = number })
  default     = { interval_seconds = 5, attempts = 6, refund_attempts = 20 }

  validation {
    condition     = var.payment_retry.interval_seconds >= 1 && var.payment_retry.attempts >= 1 && var.payment_retry.refund_attempts >= var.payment_retry.attempts
    error_message = "payment_retry needs pauses and attempts of at least 1, and as many for a refund as for a charge or more: a compensation is tried longest."
  }
}

variable "breaker" {
  description = "Failures in a row that open the circuit breaker before the provider, and how long it stays open before one probe."
  type        = object({ failures = number, cool_down_seconds = number })
  default     = { failures = 5, cool_down_seconds = 30 }

  validation {
    condition     = var.breaker.failures >= 1 && var.breaker.cool_down_seconds >= 1
    error_message = "breaker needs at least one failure and one second."
  }
}

variable "force_destroy" {
  description = "Whether destroying the tables may lose the orders in them. Only for environments that may lose them."
  type        = bool
  default     = false
}
