# A payment provider to test against, where there is no real one. Only this account's order-charge may call its URL.

resource "aws_dynamodb_table" "sandbox" {
  count = var.payment_sandbox ? 1 : 0

  name         = "${var.name_prefix}-order-payment-sandbox"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  server_side_encryption {
    enabled = true
  }
}

module "sandbox" {
  source = "../function"
  count  = var.payment_sandbox ? 1 : 0

  name_prefix     = var.name_prefix
  name            = "order-payment-sandbox"
  description     = "Plays the payment provider, as providers' sandboxes do."
  defaults        = var.function_defaults
  timeout_seconds = 15
  environment     = { SANDBOX_TABLE = one(aws_dynamodb_table.sandbox).name }
  permissions = {
    KeepBooks = { Action = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], Resource = [one(aws_dynamodb_table.sandbox).arn] }
  }
}

resource "aws_lambda_function_url" "sandbox" {
  count = var.payment_sandbox ? 1 : 0

  function_name      = one(module.sandbox).function.function_name
  qualifier          = one(module.sandbox).function.alias
  authorization_type = "AWS_IAM"
}
