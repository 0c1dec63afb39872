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

variable "force_destroy" {
  description = "Whether the table may be destroyed with what was noted. Only for environments that may lose it."
  type        = bool
  default     = false
}
