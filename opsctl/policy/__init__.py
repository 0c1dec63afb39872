"""Rules over Terraform, made for pull requests: built in, or brought along as Rego."""
