resource "aws_efs_file_system" "shared" { # finds: storage/file-system-encrypted
  creation_token = "shared"
}
