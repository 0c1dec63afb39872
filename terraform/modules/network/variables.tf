variable "name_prefix" {
  description = "First part of every resource's name, <project>-<environment>."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}$", var.name_prefix))
    error_message = "name_prefix must be 1 to 23 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "vpc_cidr" {
  description = "Address range of the VPC. It is cut into sixteenths: two public, two private-app and two private-data subnets, and ten are left free."
  type        = string
  default     = "10.20.0.0/16"
  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && try(tonumber(split("/", var.vpc_cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.vpc_cidr)[1]), 33) <= 24
    error_message = "vpc_cidr must be an IPv4 range from /16 to /24, such as 10.20.0.0/16: AWS takes no larger VPC and no subnet smaller than /28."
  }
}

variable "availability_zones" {
  description = "The two zones that every tier spans. Named rather than looked up, so that a new zone in the region moves nothing."
  type        = list(string)
  validation {
    condition     = length(distinct(var.availability_zones)) == 2 && length(var.availability_zones) == 2
    error_message = "availability_zones must name two different zones."
  }
}

variable "nat_gateway_per_zone" {
  description = "Whether private-app subnets reach the Internet, through one NAT gateway in each zone (each costs about 38 USD a month and what it carries). Off: they reach AWS by endpoints only."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "AWS services that the private subnets reach by interface endpoints (each costs about 9 USD a month and zone). The default lets an instance write its logs and be managed by SSM, and a function read a secret, without any way to the Internet."
  type        = set(string)
  default     = ["ec2messages", "logs", "secretsmanager", "ssm", "ssmmessages"]
  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9.-]+$", service))])
    error_message = "interface_endpoints holds service names as in com.amazonaws.<region>.<name>, such as \"logs\" or \"secretsmanager\"."
  }
  validation {
    condition     = length(setintersection(var.interface_endpoints, ["s3", "dynamodb"])) == 0
    error_message = "s3 and dynamodb have gateway endpoints already, which cost nothing."
  }
}

variable "service_port" {
  description = "TCP port of the service, on the load balancer and on its instances."
  type        = number
  default     = 8080
  validation {
    condition     = var.service_port >= 1024 && var.service_port <= 32767
    error_message = "service_port must be 1024 to 32767: the service doesn't run as root, and 32768 upwards are the ports of outgoing connections."
  }
}

variable "database_port" {
  description = "TCP port of the database."
  type        = number
  default     = 3306
  validation {
    condition     = var.database_port >= 1024 && var.database_port <= 32767
    error_message = "database_port must be 1024 to 32767."
  }
}

variable "log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a value that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827 or more (see its documentation)."
  }
}
