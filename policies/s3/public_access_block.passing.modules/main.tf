module "bucket" {
  source   = "./bucket"
  for_each = toset(["photos", "lists"])
  name     = each.key
}

# Buckets of others, made elsewhere.
resource "aws_s3_bucket_public_access_block" "others" {
  for_each                = toset(var.others)
  bucket                  = each.key
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

variable "others" {
  type = list(string)
}
