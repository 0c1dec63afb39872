variable "name" {
  description = "Name of the topic and of its key."
  type        = string
}

variable "email" {
  description = "Who is told by e-mail (AWS asks them to confirm). Empty: nobody."
  type        = string
}

variable "key_deletion_days" {
  description = "Days that the KMS key can still be rescued after the topic is destroyed."
  type        = number
}
