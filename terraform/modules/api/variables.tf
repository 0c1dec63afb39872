variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "origin_secret" {
  description = "What CloudFront sends as x-origin-verify. Requests without it are refused, so that nobody goes round the edge."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,64}$", var.origin_secret))
    error_message = "origin_secret must be 32 to 64 letters, digits, hyphens and underscores."
  }
}

variable "log_retention_days" {
  description = "Days that access logs and the web ACL's logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653. 0 (for ever) is refused."
  }
}

variable "photos_bucket" {
  description = "Name of the bucket that uploads go to, under uploads/."
  type        = string
}

variable "upload_role_arn" {
  description = "Role by which API Gateway puts an upload into the bucket."
  type        = string
}

variable "functions" {
  description = "The functions that answer, by short name: photos-api, auth-token, auth-authorizer (checks tokens), order-intake and approval-answer. Others are let alone."
  type        = map(object({ function_name = string, alias = string, invoke_arn = string }))

  validation {
    condition     = length(setsubtract(["photos-api", "auth-token", "auth-authorizer", "order-intake", "approval-answer"], keys(var.functions))) == 0
    error_message = "functions must hold photos-api, auth-token, auth-authorizer, order-intake and approval-answer."
  }
}

variable "orders_service" {
  description = "The private service that answers for orders: its network load balancer's ARN and URL (http://host[:port])."
  type = object({
    load_balancer_arn = string
    url               = string
  })

  validation {
    condition     = can(regex("^https?://[^/]+$", var.orders_service.url))
    error_message = "orders_service.url must be http:// or https://, a host and maybe a port, without a path or a slash at its end."
  }
}

variable "throttle" {
  description = "Requests that a key, and each method in all, may send: steady rate_per_second, and burst at once."
  type = object({
    rate_per_second = number
    burst           = number
  })
  default = { rate_per_second = 100, burst = 200 }

  validation {
    condition     = var.throttle.rate_per_second >= 1 && var.throttle.burst >= 1 && var.throttle.rate_per_second <= 10000 && var.throttle.burst <= 5000
    error_message = "throttle must be 1 to 10000 requests per second and a burst of 1 to 5000, which is what an account has."
  }
}

variable "sign_in_throttle" {
  description = "Attempts to sign in, of all users together: steady rate_per_second, and burst at once. It bounds how fast passwords can be guessed."
  type = object({
    rate_per_second = number
    burst           = number
  })
  default = { rate_per_second = 5, burst = 10 }

  validation {
    condition     = var.sign_in_throttle.rate_per_second >= 1 && var.sign_in_throttle.burst >= 1 && var.sign_in_throttle.rate_per_second <= 1000 && var.sign_in_throttle.burst <= 2000
    error_message = "sign_in_throttle must be 1 to 1000 requests per second and a burst of 1 to 2000."
  }
}

variable "site_throttle" {
  description = "Requests that the page's visitors may send with its open key, all together: steady rate_per_second, and burst at once."
  type = object({
    rate_per_second = number
    burst           = number
  })
  default = { rate_per_second = 20, burst = 40 }

  validation {
    condition     = var.site_throttle.rate_per_second >= 1 && var.site_throttle.burst >= 1 && var.site_throttle.rate_per_second <= 10000 && var.site_throttle.burst <= 5000
    error_message = "site_throttle must be 1 to 10000 requests per second and a burst of 1 to 5000."
  }
}

variable "cache_cluster_size_gb" {
  description = "Size of the stage's cache, which then holds the published keys (300 seconds) and the list of photos (5 seconds), encrypted. null: no cache. AWS bills it by the hour."
  type        = string
  default     = null

  validation {
    condition     = var.cache_cluster_size_gb == null || contains(["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"], coalesce(var.cache_cluster_size_gb, "0.5"))
    error_message = "cache_cluster_size_gb must be one that API Gateway knows: 0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118 or 237; or null for none."
  }
}

variable "quota_per_day" {
  description = "Requests that a key may send in a day (UTC)."
  type        = number
  default     = 100000

  validation {
    condition     = var.quota_per_day >= 1
    error_message = "quota_per_day must be at least 1: 0 would mean no quota."
  }
}

variable "rate_limit_per_5_minutes" {
  description = "Requests of one API key in five minutes after which the web ACL blocks it. AWS WAF counts from 10."
  type        = number
  default     = 10000

  validation {
    condition     = var.rate_limit_per_5_minutes >= 10 && var.rate_limit_per_5_minutes <= 2000000000
    error_message = "rate_limit_per_5_minutes must be 10 to 2000000000."
  }
}

variable "manage_account_logging" {
  description = "Whether this environment sets the role by which API Gateway logs. It is one setting for an account and region: one environment sets it."
  type        = bool
  default     = true
}
