resource "aws_kms_key" "data" {
  deletion_window_in_days = 7 # finds: keys/deletion-window
}
