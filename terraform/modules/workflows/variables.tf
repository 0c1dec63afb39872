variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "function_defaults" {
  description = "What all functions of an environment share, as modules/function takes it. Its log_retention_days holds for the state machines' logs, too."
  type = object({
    package_dir        = string
    runtime            = string
    layer_arns         = list(string)
    log_retention_days = number
  })
}

variable "approval_timeout_seconds" {
  description = "Longest that an approval is waited for. A request may ask for less. At most 13 days: the machine as a whole ends after 14."
  type        = number
  default     = 24 * 3600

  validation {
    condition     = var.approval_timeout_seconds >= 60 && var.approval_timeout_seconds <= 13 * 24 * 3600
    error_message = "approval_timeout_seconds must be 60 (a minute) to 1123200 (13 days)."
  }
}

variable "force_destroy" {
  description = "Whether destroying the buckets also deletes the lists and results in them. Only for environments that may lose them."
  type        = bool
  default     = false
}
