resource "aws_secretsmanager_secret" "key" {
  name                    = "key"
  recovery_window_in_days = 0 # finds: secrets/recovery-window
}
