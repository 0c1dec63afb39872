variable "name_prefix" {
  description = "Folder of the queries: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "functions" {
  description = "Functions whose logs are asked, by short name, as modules/function gives them."
  type        = map(object({ log_group = string }))

  validation {
    condition     = length(var.functions) > 0
    error_message = "functions must name at least one: a query without a log group asks nothing."
  }
}

variable "log_groups" {
  description = "Further log groups, such as an API's access log."
  type        = list(string)
  default     = []

  validation {
    condition     = length(distinct(concat([for function in var.functions : function.log_group], var.log_groups))) <= 50
    error_message = "functions and log_groups must be at most 50 groups together: Logs Insights takes no more in one query."
  }
}
