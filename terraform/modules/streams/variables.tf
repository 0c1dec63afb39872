variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,27}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 28 lower-case letters, digits and hyphens, and start with a letter."
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

variable "orders_stream_arn" {
  description = "The orders table's stream, with new images. An order has transaction_id, customer_id, status, total_cents, correlation_id and updated_at; other items are passed over."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[^:]+:[0-9]{12}:table/[^/]+/stream/", var.orders_stream_arn))
    error_message = "orders_stream_arn must be the ARN of a DynamoDB stream."
  }
}

variable "shards" {
  description = "Shards of the order stream. Each takes 1,000 records or 1 MB a second and costs by the hour; an order's changes stay in one."
  type        = number
  default     = 2

  validation {
    condition     = var.shards >= 1 && var.shards <= 200
    error_message = "shards must be 1 to 200."
  }
}

variable "retention_hours" {
  description = "How long the order stream keeps a record: the time to mend a consumer. Kinesis allows 24 to 8760."
  type        = number
  default     = 24

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760
    error_message = "retention_hours must be 24 to 8760."
  }
}

variable "force_destroy" {
  description = "Whether tables and failures may be destroyed with what is in them. Only for environments that may lose it."
  type        = bool
  default     = false
}
