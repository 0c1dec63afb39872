variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string
}

variable "function" {
  description = "The function that is triggered, as modules/function takes it."
  type = object({
    name            = string
    description     = string
    memory_mb       = optional(number, 256)
    timeout_seconds = optional(number, 10)
    environment     = optional(map(string), {})
    permissions = optional(map(object({
      Action    = list(string)
      Resource  = list(string)
      Condition = optional(map(map(list(string))))
    })), {})
  })
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

variable "listener_arn" {
  description = "The load balancer's HTTPS listener."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:elasticloadbalancing:[^:]+:[0-9]+:listener/app/", var.listener_arn))
    error_message = "listener_arn must be a listener's of an Application Load Balancer: a Network Load Balancer can't call functions."
  }
}

variable "priority" {
  description = "The rule's place among the listener's rules, 1 to 50000; each only once."
  type        = number

  validation {
    condition     = var.priority >= 1 && var.priority <= 50000
    error_message = "priority must be 1 to 50000."
  }
}

variable "paths" {
  description = "Path patterns that lead to the function, such as /reports/*."
  type        = list(string)

  validation {
    condition     = length(var.paths) >= 1 && length(var.paths) <= 4 && alltrue([for path in var.paths : startswith(path, "/")])
    error_message = "paths must be 1 to 4 patterns that begin with a slash: a rule takes five values in all."
  }
}

variable "methods" {
  description = "Methods that lead there. Empty: all."
  type        = list(string)
  default     = []
}
