variable "name_prefix" {
  description = "First part of every resource's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 32 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "function_defaults" {
  description = "What all functions of an environment share, as modules/function takes it. package_dir holds bulk-job.zip, too."
  type = object({
    package_dir        = string
    runtime            = string
    layer_arns         = list(string)
    log_retention_days = number
  })
}

variable "package_dir" {
  description = "Folder that holds bulk-job.zip, which opsctl builds before it plans."
  type        = string
}

variable "network" {
  description = "Where jobs run: private subnets, the group of the interface endpoints (ecr.api, ecr.dkr and logs are needed) and the prefix list of S3's gateway endpoint."
  type = object({
    vpc_id                      = string
    subnet_ids                  = list(string)
    endpoints_security_group_id = string
    s3_prefix_list_id           = string
  })
}

variable "event_bus" {
  description = "The bus that image.validated and bulk.requested come on, and that bulk.finished goes to."
  type        = object({ name = string, arn = string })
}

variable "sources" {
  description = "Buckets of originals by short name: {id, arn, prefix}. Jobs may read what lies under the prefix. A bulk request names one; photos is the usual."
  type        = map(object({ id = string, arn = string, prefix = string }))

  validation {
    condition     = contains(keys(var.sources), "photos") && alltrue([for place in var.sources : can(regex("^[^/*?]+/$", place.prefix))])
    error_message = "sources must have photos, and each prefix must be one folder with its slash, such as uploads/."
  }
}

variable "image_tag" {
  description = "Tag of the job's image. null: the SHA-256 of package_dir/bulk-job.zip, which the local cloud asks for."
  type        = string
  default     = null
}

variable "job" {
  description = "Size of a job: vcpus and memory_mb as Fargate pairs them, longest attempt, attempts."
  type = object({
    vcpus           = optional(number, 1)
    memory_mb       = optional(number, 2048)
    timeout_seconds = optional(number, 900)
    attempts        = optional(number, 3)
  })
  default = {}

  validation {
    condition     = var.job.timeout_seconds >= 60 && var.job.attempts >= 1 && var.job.attempts <= 10
    error_message = "job.timeout_seconds must be 60 at least, job.attempts 1 to 10."
  }
}

variable "max_vcpus" {
  description = "Most vCPUs at the same time: how many jobs run at once, and what they may cost."
  type        = number
  default     = 16

  validation {
    condition     = var.max_vcpus >= 1 && var.max_vcpus <= 256
    error_message = "max_vcpus must be 1 to 256."
  }
}

variable "report_retention_days" {
  description = "Days that manifests, results and reports are kept. A failed slice can be done again while its manifest is there."
  type        = number
  default     = 30

  validation {
    condition     = var.report_retention_days >= 14
    error_message = "report_retention_days must be 14 at least: so long the failure queue keeps what refers to them."
  }
}

variable "force_destroy" {
  description = "Whether bucket and repository may be destroyed with what is in them. Only for environments that may lose it."
  type        = bool
  default     = false
}
