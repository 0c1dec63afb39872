variable "name_prefix" {
  description = "First part of every resource's name, <project>-<environment>."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}$", var.name_prefix))
    error_message = "name_prefix must be 1 to 23 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "subnet_ids" {
  description = "Private-data subnets, in at least two zones."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name at least two subnets: RDS wants two zones, also for one instance."
  }
}

variable "security_group_id" {
  description = "The group that lets only the service in."
  type        = string
}

variable "engine_version" {
  description = "MySQL version, of the 8.4 long-term support line; without a patch number AWS keeps it patched."
  type        = string
  default     = "8.4"
  validation {
    condition     = can(regex("^8\\.4(\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version must be 8.4 or 8.4.<patch>: the parameter group belongs to that line."
  }
}

variable "database_name" {
  description = "Schema made at creation."
  type        = string
  default     = "orders"
  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,63}$", var.database_name))
    error_message = "database_name must be 1 to 64 lower-case letters, digits and underscores, and start with a letter."
  }
}

variable "service_user" {
  description = "MySQL user of the service, made by the function database-user. One of another name leaves the old user behind."
  type        = string
  default     = "orders_service"
  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,31}$", var.service_user)) && var.service_user != "master"
    error_message = "service_user must be 1 to 32 lower-case letters, digits and underscores, and can't be \"master\", who owns the schema."
  }
}

variable "port" {
  description = "TCP port."
  type        = number
  default     = 3306
  validation {
    condition     = var.port >= 1150 && var.port <= 32767
    error_message = "port must be 1150 to 32767: RDS takes none below 1150, and 32768 upwards are the ports of outgoing connections."
  }
}

variable "instance_class" {
  description = "Size of the instance."
  type        = string
  default     = "db.t4g.micro"
  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class must look like db.t4g.micro."
  }
}

variable "storage_gb" {
  description = "Storage at the start. Alarms on free storage count from it."
  type        = number
  default     = 20
  validation {
    condition     = var.storage_gb >= 20 && var.storage_gb <= 65536 && floor(var.storage_gb) == var.storage_gb
    error_message = "storage_gb must be a whole number from 20 to 65536: gp3 begins at 20 GB."
  }
}

variable "max_storage_gb" {
  description = "Storage that RDS may grow to by itself."
  type        = number
  default     = 100
  validation {
    condition     = var.max_storage_gb >= var.storage_gb * 1.26
    error_message = "max_storage_gb must be at least 26 % above storage_gb: RDS grows in steps, and refuses a smaller margin."
  }
}

variable "max_connections" {
  description = "Connections that MySQL takes. Each costs memory: about 80 for each GiB of the instance_class, less a quarter. The alarm on connections counts from it."
  type        = number
  default     = 60
  validation {
    condition     = var.max_connections >= 10 && var.max_connections <= 16000
    error_message = "max_connections must be 10 to 16000."
  }
}

variable "multi_az" {
  description = "Whether a standby runs in the second zone."
  type        = bool
  default     = false
}

variable "backup_retention_days" {
  description = "Days that automated backups are kept. AWS allows 0 to 35; we refuse 0, which turns backups off."
  type        = number
  default     = 7
  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be 1 to 35: 0 would turn backups off."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the instance."
  type        = bool
  default     = true
}

variable "final_snapshot" {
  description = "Whether deleting the instance leaves the snapshot <name_prefix>-final. Only an environment whose data may be lost goes without."
  type        = bool
  default     = true
}

variable "performance_insights" {
  description = "Whether load by statement and wait is kept for 7 days (free). Not to be had with db.t4g.micro and db.t4g.small."
  type        = bool
  default     = false
  validation {
    condition     = !(var.performance_insights && can(regex("\\.(micro|small)$", var.instance_class)))
    error_message = "performance_insights needs an instance_class of medium size or larger."
  }
}

variable "log_retention_days" {
  description = "Days that the error and slow-query logs are kept in CloudWatch."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a value that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827 or more (see its documentation)."
  }
}

variable "key_deletion_days" {
  description = "Days that the KMS key can still be rescued after the environment is destroyed. Backups can't be read once it is gone."
  type        = number
  default     = 30
  validation {
    condition     = var.key_deletion_days >= 7 && var.key_deletion_days <= 30
    error_message = "key_deletion_days must be 7 to 30, as KMS asks."
  }
}

variable "service_authentication" {
  description = "How the service signs in: iam (a token, no password anywhere), or password (in a secret) where the server lacks RDS's IAM plugin, as the local cloud's does."
  type        = string
  default     = "iam"
  validation {
    condition     = contains(["iam", "password"], var.service_authentication)
    error_message = "service_authentication must be iam or password."
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

variable "function_network" {
  description = "Where the function runs: private-app subnets, and a group that may reach the database and Secrets Manager's interface endpoint."
  type        = object({ subnet_ids = list(string), security_group_id = string })
  validation {
    condition     = length(var.function_network.subnet_ids) > 0
    error_message = "function_network.subnet_ids must name at least one subnet."
  }
}
