variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "site_domain" {
  description = "Host of the environment (dev.example.com). It gets a hosted zone of its own."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.site_domain))
    error_message = "site_domain must be a host name in lower case with at least one dot, without https:// and without a dot at its end."
  }
}

variable "parent_zone_name" {
  description = "Public hosted zone of this account that site_domain is delegated from. Empty: delegate by hand (output name_servers) while the certificate waits."
  type        = string
  default     = ""

  validation {
    condition     = var.parent_zone_name == "" || endswith(var.site_domain, ".${var.parent_zone_name}")
    error_message = "parent_zone_name must be a zone above site_domain: site_domain has to end with a dot and its name."
  }
}

variable "origin_secret" {
  description = "What CloudFront sends to the API as x-origin-verify, so that the API can refuse everybody else."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,64}$", var.origin_secret))
    error_message = "origin_secret must be 32 to 64 letters, digits, hyphens and underscores."
  }
}

variable "api_domain_name" {
  description = "Host of the regional API; its stage v1 is the first part of the path."
  type        = string
}

variable "site_bucket" {
  description = "Bucket of the static site."
  type = object({
    id                   = string
    arn                  = string
    regional_domain_name = string
  })
}

variable "photos_bucket" {
  description = "Bucket of the photos, of which only thumbnails/ is served."
  type = object({
    id                   = string
    arn                  = string
    regional_domain_name = string
  })
}

variable "allowed_countries" {
  description = "Countries that are served (ISO 3166-1 alpha-2). All others get 403."
  type        = list(string)

  validation {
    condition     = length(var.allowed_countries) > 0 && alltrue([for country in var.allowed_countries : can(regex("^[A-Z]{2}$", country))])
    error_message = "allowed_countries must be two-letter codes in upper case (DE, FR), and not empty."
  }
}

variable "health_check_enabled" {
  description = "Whether Route 53 asks for /v1/health from the United States and Ireland."
  type        = bool
  default     = true

  validation {
    condition     = !var.health_check_enabled || alltrue([for country in ["US", "IE"] : contains(var.allowed_countries, country)])
    error_message = "Route 53's health checkers call from US and IE: put both into allowed_countries, or set health_check_enabled = false."
  }
}

variable "blocked_ip_ranges" {
  description = "Addresses that are refused, in CIDR notation, IPv4 and IPv6."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.blocked_ip_ranges : can(cidrhost(range, 0))])
    error_message = "blocked_ip_ranges must be in CIDR notation: 192.0.2.0/24, or 192.0.2.7/32 for one address."
  }

  validation {
    condition     = alltrue([for range in var.blocked_ip_ranges : !endswith(range, "/0")])
    error_message = "blocked_ip_ranges must not block everybody; AWS WAF refuses /0 too."
  }
}

variable "rate_limit_per_5_minutes" {
  description = "Requests of one address in five minutes after which it gets 429. AWS WAF counts from 10."
  type        = number
  default     = 2000

  validation {
    condition     = var.rate_limit_per_5_minutes >= 10 && var.rate_limit_per_5_minutes <= 2000000000
    error_message = "rate_limit_per_5_minutes must be 10 to 2000000000."
  }
}

variable "price_class" {
  description = "Which of CloudFront's locations serve: PriceClass_100 (Europe, North America), PriceClass_200, PriceClass_All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "log_retention_days" {
  description = "Days that the web ACL's logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653. 0 (for ever) is refused."
  }
}

variable "wait_for_deployment" {
  description = "Whether an apply waits until CloudFront has rolled a change out to all locations."
  type        = bool
  default     = true
}
