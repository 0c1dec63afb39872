resource "aws_s3_bucket" "photos" {
  bucket        = "photos"
  force_destroy = true # finds: s3/force-destroy
}
