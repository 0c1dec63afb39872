variable "name_prefix" {
  description = "First part of the layer's name: <project>-<environment>."
  type        = string
}

variable "package_dir" {
  description = "Folder that holds shared-layer.zip, which opsctl builds before it plans."
  type        = string
}

variable "function_runtime" {
  description = "Lambda runtime that the layer was built for."
  type        = string
  default     = "python3.11"
}
