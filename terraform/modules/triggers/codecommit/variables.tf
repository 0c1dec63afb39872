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

variable "repository" {
  description = "The CodeCommit repository: its name and ARN."
  type        = object({ name = string, arn = string })
}

variable "events" {
  description = "What calls the function: createReference, updateReference, deleteReference, or all."
  type        = list(string)
  default     = ["all"]

  validation {
    condition     = length(var.events) > 0 && length(setsubtract(var.events, ["all", "createReference", "updateReference", "deleteReference"])) == 0
    error_message = "events must be all, createReference, updateReference or deleteReference."
  }
}

variable "branches" {
  description = "Branches whose changes count. Empty: all. CodeCommit allows 10."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.branches) <= 10
    error_message = "branches must be at most 10."
  }
}

variable "failure_queue_arn" {
  description = "Queue that gets each event that failed three times: requestPayload is the event, responsePayload the reason."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:sqs:", var.failure_queue_arn))
    error_message = "failure_queue_arn must be an SQS queue's: what fails must be kept."
  }
}
