resource "aws_lambda_function" "announce" {
  function_name = "announce"
  role          = "arn:aws:iam::123456789012:role/announce"
}

resource "aws_lambda_permission" "sns" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.announce.function_name
  principal     = "sns.amazonaws.com"
}

resource "aws_lambda_function_event_invoke_config" "announce" {
  function_name = aws_lambda_function.announce.function_name

  destination_config {
    on_failure {
      destination = "arn:aws:sqs:eu-central-1:123456789012:failed"
    }
  }
}

resource "aws_lambda_function" "answers" {
  function_name = "answers"
  role          = "arn:aws:iam::123456789012:role/answers"
}

resource "aws_lambda_permission" "api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.answers.function_name
  principal     = "apigateway.amazonaws.com"
}
