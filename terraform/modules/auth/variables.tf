variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "package_dir" {
  description = "Folder that holds the functions' packages, auth-token.zip, auth-authorizer.zip and auth-rotation.zip. Read only when a function is created."
  type        = string

  validation {
    condition     = length(var.package_dir) > 0
    error_message = "package_dir must name the folder with the functions' packages; opsctl builds them before it plans."
  }
}

variable "function_runtime" {
  description = "Lambda runtime of the functions. The packages hold compiled parts (cryptography), so it must be the Python they were built for."
  type        = string
  default     = "python3.11"

  validation {
    condition     = can(regex("^python3\\.1[1-9]$", var.function_runtime))
    error_message = "function_runtime must be python3.11 or later, written as Lambda writes it (python3.11)."
  }
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

variable "log_retention_days" {
  description = "Days that the functions' logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653. 0 (for ever) is refused."
  }
}

variable "force_destroy" {
  description = "Whether users and keys may be destroyed at once. Only for environments that may lose them."
  type        = bool
  default     = false
}
