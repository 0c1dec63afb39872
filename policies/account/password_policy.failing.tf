resource "aws_iam_account_password_policy" "weak" {
  minimum_password_length   = 8 # finds: account/password-policy
  password_reuse_prevention = 24
}
