resource "aws_cloudtrail" "one" {
  name                       = "one"
  s3_bucket_name             = "trail"
  is_multi_region_trail      = true
  enable_log_file_validation = false # finds: account/trail
  enable_logging             = false # finds: account/trail
}
