module "photos" {
  source = "./bucket"
  name   = "photos"
}

# The policy is for one of the module's two buckets.
resource "aws_s3_bucket_policy" "photos" {
  bucket = module.photos.ids["a"]
  policy = templatefile("${path.module}/policy.json.tftpl", { arn = module.photos.arns["a"] })
}
