resource "aws_lambda_function" "java" {
  function_name = "java"
  role          = "arn:aws:iam::123456789012:role/java"
  runtime       = "java21"
  memory_size   = 1024
}
