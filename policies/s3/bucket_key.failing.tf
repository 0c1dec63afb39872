resource "aws_s3_bucket_server_side_encryption_configuration" "photos" {
  bucket = "photos"

  rule { # finds: s3/bucket-key
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = "alias/photos"
    }
  }
}
