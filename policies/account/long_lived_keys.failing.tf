resource "aws_iam_access_key" "ci" { # finds: account/long-lived-keys
  user = "ci"
}
