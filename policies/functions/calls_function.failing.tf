resource "aws_lambda_function" "orders" {
  function_name = "orders"
  role          = aws_iam_role.orders.arn

  environment {
    variables = {
      STOCK = aws_lambda_function.stock.function_name # finds: functions/calls-function
    }
  }
}

resource "aws_lambda_function" "payments" {
  function_name = "payments"
  role          = aws_iam_role.orders.arn # finds: functions/calls-function
}

resource "aws_lambda_function" "stock" {
  function_name = "stock"
  role          = "arn:aws:iam::123456789012:role/stock"
}

resource "aws_iam_role" "orders" {
  name = "orders"
  assume_role_policy = jsonencode({
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "orders" {
  role       = aws_iam_role.orders.name
  policy_arn = aws_iam_policy.invoke.arn
}

resource "aws_iam_policy" "invoke" {
  policy = jsonencode({
    Statement = [{ Effect = "Allow", Action = "lambda:InvokeFunction", Resource = "${aws_lambda_function.stock.arn}*" }]
  })
}
