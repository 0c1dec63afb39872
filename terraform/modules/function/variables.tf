variable "name_prefix" {
  description = "First part of the function's name: <project>-<environment>. Also the namespace of its own metrics."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "name" {
  description = "Short name, the second part: also that of its folder in functions/ and of its package."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name must be 2 to 31 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "description" {
  description = "What the function does, in one sentence."
  type        = string
}

variable "defaults" {
  description = "What all functions of an environment share: where their packages lie (a folder, or s3://<bucket>/<prefix>; read only when one is created), their runtime, their layers, how long their logs are kept."
  type = object({
    package_dir        = string
    runtime            = string
    layer_arns         = list(string)
    log_retention_days = number
  })

  validation {
    condition     = length(var.defaults.package_dir) > 0 && can(regex("^python3\\.1[1-9]$", var.defaults.runtime))
    error_message = "defaults needs a package_dir, which opsctl fills before it plans, and a runtime as Lambda writes it, python3.11 or later."
  }
  validation {
    condition     = length(var.defaults.layer_arns) <= 5
    error_message = "defaults.layer_arns must name at most five layers: Lambda takes no more."
  }
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.defaults.log_retention_days)
    error_message = "defaults.log_retention_days must be one that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90 … 3653. 0 (for ever) is refused."
  }
}

variable "memory_mb" {
  description = "Memory, and with it the share of a processor: 1,769 MB is one."
  type        = number
  default     = 256
}

variable "timeout_seconds" {
  description = "Longest run."
  type        = number
  default     = 10
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
  default     = {}
}

variable "permissions" {
  description = "What its code may call, by a statement id that says why. Logs and traces are added."
  type = map(object({
    Action    = list(string)
    Resource  = list(string)
    Condition = optional(map(map(list(string))))
  }))
  default = {}
}

variable "network" {
  description = "Subnets and security group of a function that reaches into the VPC. null: it doesn't."
  type        = object({ subnet_ids = list(string), security_group_id = string })
  default     = null
}
