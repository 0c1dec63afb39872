resource "aws_lambda_function" "orders" { # finds: functions/single-purpose
  function_name = "orders"
  role          = "arn:aws:iam::123456789012:role/orders"
}

resource "aws_lambda_permission" "api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.orders.function_name
  principal     = "apigateway.amazonaws.com"
}

resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn = "arn:aws:sqs:eu-central-1:123456789012:orders"
  function_name    = aws_lambda_function.orders.arn
}

resource "aws_lambda_function" "everything" { # finds: functions/single-purpose
  function_name = "everything"
  role          = "arn:aws:iam::123456789012:role/everything"
}

resource "aws_apigatewayv2_integration" "everything" {
  api_id           = "abc"
  integration_type = "AWS_PROXY"
  integration_uri  = aws_lambda_function.everything.invoke_arn
}

resource "aws_apigatewayv2_route" "everything" {
  for_each  = toset(["GET /orders", "POST /users", "GET /photos/{id}", "DELETE /payments/{id}"])
  api_id    = "abc"
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.everything.id}"
}
