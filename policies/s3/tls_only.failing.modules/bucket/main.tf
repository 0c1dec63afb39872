variable "name" {
  type = string
}

resource "aws_s3_bucket" "this" { # finds: s3/tls-only
  for_each = toset(["a", "b"])
  bucket   = "${var.name}-${each.key}"
}

output "ids" {
  value = { for key, bucket in aws_s3_bucket.this : key => bucket.id }
}

output "arns" {
  value = { for key, bucket in aws_s3_bucket.this : key => bucket.arn }
}
