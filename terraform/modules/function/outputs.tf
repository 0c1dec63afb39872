output "function" {
  description = "The function. arn and invoke_arn are those of the alias `live`, by which everybody calls it."
  value = {
    function_name = aws_lambda_function.this.function_name
    alias         = aws_lambda_alias.live.name
    arn           = aws_lambda_alias.live.arn
    invoke_arn    = aws_lambda_alias.live.invoke_arn
    role_arn      = aws_iam_role.this.arn
    role_name     = aws_iam_role.this.name
    log_group     = aws_cloudwatch_log_group.this.name
  }
}
