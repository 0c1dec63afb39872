resource "aws_lambda_function" "each" { # finds: logs/saved-queries
  for_each      = toset(["a", "b", "c"])
  function_name = each.key
  role          = "arn:aws:iam::123456789012:role/resize"
}
