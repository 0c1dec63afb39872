variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "package_dir" {
  description = "Folder that holds the functions' packages, thumbnail.zip and photos-api.zip. Read only when a function is created."
  type        = string

  validation {
    condition     = length(var.package_dir) > 0
    error_message = "package_dir must name the folder with the functions' packages; opsctl builds them before it plans."
  }
}

variable "function_runtime" {
  description = "Lambda runtime of both functions. The packages hold compiled parts (Pillow), so it must be the Python they were built for."
  type        = string
  default     = "python3.11"

  validation {
    condition     = can(regex("^python3\\.1[1-9]$", var.function_runtime))
    error_message = "function_runtime must be python3.11 or later, written as Lambda writes it (python3.11)."
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

variable "cors_origins" {
  description = "Origins (https://host) whose pages may put a photo by a presigned URL."
  type        = list(string)

  validation {
    condition     = length(var.cors_origins) > 0 && alltrue([for origin in var.cors_origins : can(regex("^https://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "cors_origins must be https:// origins without a path or a wildcard, and not empty."
  }
}

variable "maximum_concurrency" {
  description = "Most thumbnail workers that the queue may start at the same time. Lambda allows 2 to 1000."
  type        = number
  default     = 10

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "maximum_concurrency must be 2 to 1000."
  }
}

variable "force_destroy" {
  description = "Whether destroying the bucket also deletes the photos in it. Only for environments that may lose them."
  type        = bool
  default     = false
}
