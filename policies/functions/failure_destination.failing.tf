resource "aws_lambda_function" "announce" { # finds: functions/failure-destination
  function_name = "announce"
  role          = "arn:aws:iam::123456789012:role/announce"
}

resource "aws_lambda_permission" "s3" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.announce.function_name
  principal     = "s3.amazonaws.com"
}
