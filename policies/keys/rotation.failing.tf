resource "aws_kms_key" "data" { # finds: keys/rotation
  description = "data"
}
