resource "aws_lambda_function" "orders" {
  function_name = "orders"
  role          = "arn:aws:iam::123456789012:role/orders"
}

resource "aws_lambda_permission" "api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.orders.function_name
  principal     = "apigateway.amazonaws.com"
}

resource "aws_lambda_function" "stock" {
  function_name = "stock"
  role          = "arn:aws:iam::123456789012:role/stock"
}

resource "aws_lambda_event_source_mapping" "stock" {
  event_source_arn = "arn:aws:sqs:eu-central-1:123456789012:stock"
  function_name    = aws_lambda_function.stock.arn
}

resource "aws_apigatewayv2_integration" "orders" {
  api_id           = "abc"
  integration_type = "AWS_PROXY"
  integration_uri  = aws_lambda_function.orders.invoke_arn
}

resource "aws_apigatewayv2_route" "orders" {
  for_each  = toset(["GET /orders", "POST /orders", "GET /orders/{id}", "DELETE /orders/{id}"])
  api_id    = "abc"
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.orders.id}"
}
