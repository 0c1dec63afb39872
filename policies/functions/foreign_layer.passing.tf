resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"
  layers = [
    "arn:aws:lambda:eu-central-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-x86_64:7",
    "arn:aws:lambda:eu-central-1:123456789012:layer:ours:3",
    aws_lambda_layer_version.own.arn,
  ]
}

resource "aws_lambda_layer_version" "own" {
  layer_name = "own"
  filename   = "own.zip"
}
