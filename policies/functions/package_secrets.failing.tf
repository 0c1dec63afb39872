data "archive_file" "code" {
  type        = "zip"
  output_path = "code.zip"

  source {
    filename = "handler.py"
    content  = "KEY = 'AKIAIOSFODNN7ZZZZZZZ'\n" # finds: functions/package-secrets
  }
}
