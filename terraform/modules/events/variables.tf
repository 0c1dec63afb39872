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

variable "sender" {
  description = "Address that letters come from. SES sends none before somebody has confirmed it, or its domain."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}$", var.sender))
    error_message = "sender must be an e-mail address."
  }
}

variable "archive_days" {
  description = "Days that events are kept for a replay. 0 would keep them for ever, and is refused."
  type        = number
  default     = 30

  validation {
    condition     = var.archive_days >= 1 && var.archive_days <= 365
    error_message = "archive_days must be 1 to 365."
  }
}

variable "force_destroy" {
  description = "Whether the note of which letters were sent may be destroyed. Only for environments that may lose it."
  type        = bool
  default     = false
}
