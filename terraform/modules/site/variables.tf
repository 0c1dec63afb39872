variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "force_destroy" {
  description = "Whether destroying the bucket also deletes what is in it. Only for environments that may lose their site."
  type        = bool
  default     = false
}
