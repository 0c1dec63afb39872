variable "name_prefix" {
  description = "First part of every resource's name, <project>-<environment>."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}$", var.name_prefix))
    error_message = "name_prefix must be 1 to 23 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "network" {
  description = "Where the service runs: the VPC, its private-app subnets, and the security groups of load balancer and instances."
  type = object({
    vpc_id                          = string
    subnet_ids                      = list(string)
    load_balancer_security_group_id = string
    service_security_group_id       = string
  })
  validation {
    condition     = length(var.network.subnet_ids) >= 2
    error_message = "network.subnet_ids must name at least two subnets, so that the loss of a zone leaves one."
  }
}

variable "database" {
  description = "The database: where it is, as whom the service signs in, and what allows it: the rds-db ARN for an IAM token, or, where service_secret_arn isn't empty, that secret and the key that it is encrypted with."
  type = object({
    address            = string
    port               = number
    name               = string
    service_user       = string
    service_user_arn   = string
    service_secret_arn = optional(string, "")
    kms_key_arn        = optional(string, "")
  })
}

variable "package_dir" {
  description = "Folder that holds service.jar, the version to begin with. Read only when the environment is made."
  type        = string

  validation {
    condition     = length(var.package_dir) > 0
    error_message = "package_dir must name the folder with service.jar; opsctl builds it before it plans."
  }
}

variable "port" {
  description = "TCP port of the service, on the load balancer and on its instances."
  type        = number
  default     = 8080
  validation {
    condition     = var.port >= 1024 && var.port <= 32767
    error_message = "port must be 1024 to 32767: the service doesn't run as root, and 32768 upwards are the ports of outgoing connections."
  }
}

variable "ami_id" {
  description = "Image of the instances. null takes the Amazon Linux 2023 that is newest when it is planned."
  type        = string
  default     = null
  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "ami_id must look like ami-0123456789abcdef0, or be null for the newest Amazon Linux 2023."
  }
}

variable "instance_type" {
  description = "Size of the instances: x86_64, as the default image."
  type        = string
  default     = "t3.small"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "instance_type must look like t3.small."
  }
}

variable "root_volume_gb" {
  description = "Size of the encrypted root disk."
  type        = number
  default     = 10
  validation {
    condition     = var.root_volume_gb >= 8 && var.root_volume_gb <= 1000
    error_message = "root_volume_gb must be 8 to 1000: the image needs 8."
  }
}

variable "instances" {
  description = "How many instances: at least, at most, and at the start (target tracking decides afterwards)."
  type = object({
    min     = number
    max     = number
    desired = number
  })
  validation {
    condition     = 0 <= var.instances.min && var.instances.min <= var.instances.desired && var.instances.desired <= var.instances.max && var.instances.max <= 20
    error_message = "instances must hold 0 <= min <= desired <= max <= 20."
  }
}

variable "cpu_target_percent" {
  description = "Average CPU load that target tracking keeps."
  type        = number
  default     = 60
  validation {
    condition     = var.cpu_target_percent >= 10 && var.cpu_target_percent <= 90
    error_message = "cpu_target_percent must be 10 to 90."
  }
}

variable "warmup_seconds" {
  description = "Time that an instance gets from its start until it must be healthy."
  type        = number
  default     = 180
  validation {
    condition     = var.warmup_seconds >= 30 && var.warmup_seconds <= 900
    error_message = "warmup_seconds must be 30 to 900."
  }
}

variable "log_retention_days" {
  description = "Days that the service's log is kept."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a value that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827 or more (see its documentation)."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Whether destroying the artifact bucket also deletes the artifacts. Only for environments that may lose them."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags for instances and their disks, which AWS makes when no Terraform runs: the provider's default tags can't reach them."
  type        = map(string)
  validation {
    condition     = contains(keys(var.tags), "Environment") && contains(keys(var.tags), "Owner")
    error_message = "tags must hold at least Environment and Owner."
  }
}
