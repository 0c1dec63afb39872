variable "name_prefix" {
  description = "First part of every resource's name, <project>-<environment>."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}$", var.name_prefix))
    error_message = "name_prefix must be 1 to 23 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "alert_email" {
  description = "Who gets alarms by e-mail (AWS asks them to confirm, once for each region). Empty: nobody, the topics can still be subscribed to."
  type        = string
  default     = ""
  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be an e-mail address, or empty for none."
  }
}

variable "api" {
  description = "The REST API: its name and stage."
  type        = object({ name = string, stage = string })
}

variable "edge" {
  description = "The distribution, and the metric name of the web ACL before it."
  type        = object({ distribution_id = string, web_acl_name = string })
}

variable "functions" {
  description = "Every function by its short name. One that raises_by_design (an authorizer: raising is its way to answer 401) gets no alarm on errors."
  type        = map(object({ function_name = string, raises_by_design = optional(bool, false) }))
  default     = {}
}

variable "queues" {
  description = "Every work queue by its short name, with its dead-letter queue (names)."
  type        = map(object({ name = string, dead_letter_name = string }))
  default     = {}
}

variable "failure_queues" {
  description = "Every queue that takes what something else than a queue could not work off (on_failure destinations of functions, rules …), by its short name."
  type        = map(object({ name = string }))
  default     = {}
}

variable "tables" {
  description = "Every DynamoDB table by its short name."
  type        = map(object({ name = string }))
  default     = {}
}

variable "topics" {
  description = "Every SNS topic by its short name."
  type        = map(object({ name = string }))
  default     = {}
}

variable "state_machines" {
  description = "Every state machine by its short name. One that fails_by_design (to say no) gets no alarm on failed executions."
  type        = map(object({ name = string, arn = string, fails_by_design = optional(bool, false) }))
  default     = {}
}

variable "streams" {
  description = "Every Kinesis data stream by its short name."
  type        = map(object({ name = string }))
  default     = {}
}

variable "event_rules" {
  description = "Every EventBridge rule by its short name, and its bus."
  type        = map(object({ name = string, bus_name = optional(string, "default") }))
  default     = {}
}

variable "schedules" {
  description = "Every EventBridge Scheduler schedule by its short name; each alarm is on its group, which is what Scheduler reports by."
  type        = map(object({ name = string, group = string }))
  default     = {}
}

variable "pipes" {
  description = "Every EventBridge pipe by its short name."
  type        = map(object({ name = string }))
  default     = {}
}

variable "websocket" {
  description = "The WebSocket API: its id and stage. Null: there is none."
  type        = object({ id = string, stage = string })
  default     = null
}

variable "database" {
  description = "The database: its identifier, its storage at the start, and the connections that it takes."
  type = object({
    identifier      = string
    storage_gb      = number
    max_connections = number
  })
}

variable "service" {
  description = "The private service: ARN suffixes of load balancer and target group (their CloudWatch dimensions), name of the Auto Scaling group."
  type = object({
    load_balancer     = string
    target_group      = string
    autoscaling_group = string
  })
}

variable "queue_age_seconds" {
  description = "Oldest message in a work queue that is still normal."
  type        = number
  default     = 300
  validation {
    condition     = var.queue_age_seconds >= 60
    error_message = "queue_age_seconds must be at least 60: queues report once a minute."
  }
}

variable "stream_age_seconds" {
  description = "How far behind a stream's slowest consumer may be and still be normal. Kinesis keeps records for a day."
  type        = number
  default     = 300
  validation {
    condition     = var.stream_age_seconds >= 60 && var.stream_age_seconds <= 43200
    error_message = "stream_age_seconds must be 60 to 43200: half of the day that records are kept leaves time to act."
  }
}

variable "blocked_requests_per_5_minutes" {
  description = "Requests blocked by the web ACL of the edge that are still the usual noise of the Internet."
  type        = number
  default     = 1000
  validation {
    condition     = var.blocked_requests_per_5_minutes >= 1
    error_message = "blocked_requests_per_5_minutes must be at least 1."
  }
}

variable "key_deletion_days" {
  description = "Days that the topics' KMS keys can still be rescued after the environment is destroyed."
  type        = number
  default     = 30
  validation {
    condition     = var.key_deletion_days >= 7 && var.key_deletion_days <= 30
    error_message = "key_deletion_days must be 7 to 30, as KMS asks."
  }
}
