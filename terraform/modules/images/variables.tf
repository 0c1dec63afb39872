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

variable "bus" {
  description = "The event bus that hears of validated images: {name, arn}."
  type        = object({ name = string, arn = string })
}

variable "photos" {
  description = "The photos whose announcements (topic) are followed, and whose originals (bucket, below uploads/) are read."
  type = object({
    bucket    = object({ id = string, arn = string })
    topic_arn = string
  })
}

variable "force_destroy" {
  description = "Whether destroying the bucket also deletes the images in it. Only for environments that may lose them."
  type        = bool
  default     = false
}
