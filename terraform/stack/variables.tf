# --- Said by opsctl, from opsctl.toml.

variable "project" {
  description = "First word of every resource's name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,9}$", var.project))
    error_message = "project must be 1 to 10 lower-case letters and digits and start with a letter: it is part of names that AWS keeps short."
  }
}

variable "environment" {
  description = "Name of the environment: second word of every resource's name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.environment)) && length(var.project) + length(var.environment) <= 22
    error_message = "environment must be 1 to 16 lower-case letters, digits and hyphens, start with a letter, and with the project be at most 22 characters long."
  }
}

variable "account_id" {
  description = "The only account that this environment may be in."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "region" {
  description = "Region of everything but the edge."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region such as eu-central-1."
  }
}

variable "local" {
  description = "Whether the cloud is the embedded one. Switches how the provider connects, and not to wait for CloudFront's roll-out; nothing else."
  type        = bool
  default     = false
}

variable "package_dir" {
  description = "Folder with <function>.zip for each function, and service.jar. Read when they are created; afterwards deploys own the code."
  type        = string
}

variable "package_store" {
  description = "Where opsctl puts the functions' packages before it applies, s3://<bucket>/<prefix>. \"\": Lambda gets them from package_dir, one after the other."
  type        = string
  default     = ""

  validation {
    condition     = var.package_store == "" || can(regex("^s3://[a-z0-9.-]+/.+[^/]$", var.package_store))
    error_message = "package_store must be s3://<bucket>/<prefix>, without a slash at its end."
  }
}

variable "function_runtime" {
  description = "Lambda runtime of the functions, which their packages were built for."
  type        = string
  default     = "python3.11"
}

variable "origin_secret" {
  description = "What CloudFront says to the API, so that the API can refuse everybody else. opsctl makes it once and hands it in by TF_VAR_origin_secret."
  type        = string
  sensitive   = true
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,64}$", var.origin_secret))
    error_message = "origin_secret must be 32 to 64 letters, digits, hyphens and underscores."
  }
}

# --- Said by environments/<name>.tfvars.

variable "owner" {
  description = "Team that answers for the environment: the tag Owner."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9 _.:/=+@-]{1,64}$", var.owner))
    error_message = "owner must be 1 to 64 of the characters that AWS takes in tags."
  }
}

variable "site_domain" {
  description = "Host of the environment. It gets a hosted zone of its own."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.site_domain))
    error_message = "site_domain must be a host name in lower case with at least one dot, without https:// and without a dot at its end."
  }
}

variable "parent_zone_name" {
  description = "Public hosted zone of this account that site_domain is delegated from. Empty: delegate by hand."
  type        = string
  default     = ""
}

variable "allowed_countries" {
  description = "Countries (ISO 3166-1 alpha-2) that CloudFront answers. US and IE must be among them: Route 53 checks the site's health from there."
  type        = list(string)
  validation {
    condition     = alltrue([for country in ["US", "IE"] : contains(var.allowed_countries, country)])
    error_message = "allowed_countries must hold US and IE, from where Route 53 checks the site's health."
  }
}

variable "blocked_ip_ranges" {
  description = "Addresses that the edge refuses, in CIDR notation, IPv4 and IPv6."
  type        = list(string)
  default     = []
}

variable "vpc_cidr" {
  description = "Address range of the VPC, /16 to /24."
  type        = string
  default     = "10.20.0.0/16"
}

variable "availability_zones" {
  description = "The two zones of the environment. null: a and b of the region."
  type        = list(string)
  default     = null
}

variable "nat_gateway_per_zone" {
  description = "Whether private subnets reach the Internet. See the network module for the cost."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "AWS services that the private subnets reach by interface endpoints. See the network module for the cost."
  type        = set(string)
  default     = ["ec2messages", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "ssmmessages"]
}

variable "db_instance_class" {
  description = "Size of the database."
  type        = string
  default     = "db.t4g.micro"
}

variable "db_max_connections" {
  description = "Connections that the database takes; see the database module for what a size can bear."
  type        = number
  default     = 60
}

variable "db_storage_gb" {
  description = "Storage of the database at the start."
  type        = number
  default     = 20
}

variable "db_max_storage_gb" {
  description = "Storage that the database may grow to."
  type        = number
  default     = 100
}

variable "db_multi_az" {
  description = "Whether the database has a standby in the second zone."
  type        = bool
  default     = false
}

variable "db_backup_retention_days" {
  description = "Days that the database's backups are kept."
  type        = number
  default     = 7
}

variable "db_service_authentication" {
  description = "How the service signs in to the database: iam, or password where there is no IAM plugin (the local cloud)."
  type        = string
  default     = "iam"
}

variable "db_performance_insights" {
  description = "Whether the database's load is kept by statement (medium sizes and up)."
  type        = bool
  default     = false
}

variable "db_final_snapshot" {
  description = "Whether destroying the environment leaves a snapshot of its database."
  type        = bool
  default     = true
}

variable "api_cache_cluster_size_gb" {
  description = "Size of the API stage's cache. null: none. See the api module for what it holds and what it costs."
  type        = string
  default     = null
}

variable "service_ami_id" {
  description = "Image of the service's instances. null: the newest Amazon Linux 2023."
  type        = string
  default     = null
}

variable "service_instance_type" {
  description = "Size of the service's instances."
  type        = string
  default     = "t3.small"
}

variable "service_instances" {
  description = "How many instances the service has: at least, at most, and at the start."
  type        = object({ min = number, max = number, desired = number })
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete database and load balancer, and buckets that hold something stay."
  type        = bool
  default     = true
}

variable "key_deletion_days" {
  description = "Days that KMS keys can still be rescued after the environment is destroyed."
  type        = number
  default     = 30
}

variable "log_retention_days" {
  description = "Days that every log of the environment is kept."
  type        = number
  default     = 30
}

variable "alert_email" {
  description = "Who gets the alarms by e-mail. Empty: nobody."
  type        = string
  default     = ""
}

variable "payment_sandbox" {
  description = "Whether a sandbox plays the payment provider. Only for environments where nothing is sold."
  type        = bool
  default     = false
}

variable "payment_provider" {
  description = "The payment provider's address, and the Secrets Manager secret that holds its API key. null with a sandbox."
  type        = object({ url = string, secret_arn = string })
  default     = null

  validation {
    condition     = (var.payment_provider == null) == var.payment_sandbox
    error_message = "Say either payment_sandbox = true or a payment_provider: orders are paid at exactly one place."
  }
}

variable "payment_retry" {
  description = "How often a charge and a refund are tried once more, and the first pause between, which doubles."
  type        = object({ interval_seconds = number, attempts = number, refund_attempts = number })
  default     = { interval_seconds = 5, attempts = 6, refund_attempts = 20 }
}

variable "breaker" {
  description = "Failures in a row that open the circuit breaker before the payment provider, and how long it stays open before one probe."
  type        = object({ failures = number, cool_down_seconds = number })
  default     = { failures = 5, cool_down_seconds = 30 }
}
