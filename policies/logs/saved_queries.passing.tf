resource "aws_lambda_function" "each" {
  for_each      = toset(["a", "b", "c"])
  function_name = each.key
  role          = "arn:aws:iam::123456789012:role/resize"
}

resource "aws_cloudwatch_query_definition" "request" {
  name         = "a request"
  query_string = "filter correlation_id = '…' | sort @timestamp"
}
