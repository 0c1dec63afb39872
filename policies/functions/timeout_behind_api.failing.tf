resource "aws_lambda_function" "orders" {
  function_name = "orders"
  role          = "arn:aws:iam::123456789012:role/orders"
  timeout       = 120 # finds: functions/timeout-behind-api
}

resource "aws_api_gateway_integration" "orders" {
  rest_api_id             = "abc"
  resource_id             = "def"
  http_method             = "POST"
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.orders.invoke_arn
}
