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

variable "issuer" {
  description = "Who tokens say they are from (iss): the environment's address, https://host."
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.issuer))
    error_message = "issuer must be https:// and a host, without a slash at its end."
  }
}

variable "rotation_days" {
  description = "Days after which a new key signs."
  type        = number
  default     = 30

  validation {
    condition     = var.rotation_days >= 1 && var.rotation_days <= 365
    error_message = "rotation_days must be 1 to 365."
  }
}

variable "publication_seconds" {
  description = "How long a new key is published before it signs. Longer than anybody keeps the published keys: caches hold them for 300 seconds, the authorizer asks again after 10."
  type        = number
  default     = 600

  validation {
    condition     = var.publication_seconds >= 10 && var.publication_seconds <= 86400
    error_message = "publication_seconds must be 10 to 86400."
  }
}

variable "force_destroy" {
  description = "Whether users and keys may be destroyed at once. Only for environments that may lose them."
  type        = bool
  default     = false
}
