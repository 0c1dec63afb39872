# Each function with the one role that its code needs. Names of tables and queues are in its environment.

locals {
  change_orders = {
    ReadAndChangeOrders = { Action = ["dynamodb:GetItem", "dynamodb:UpdateItem"], Resource = [aws_dynamodb_table.this["orders"].arn] }
  }
  remember_what_was_done = {
    RememberWhatWasDone = { Action = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], Resource = [aws_dynamodb_table.this["guards"].arn] }
  }
  publish_events = {
    PublishEvents = { Action = ["sns:Publish"], Resource = [aws_sns_topic.this["events"].arn] }
  }
}

module "intake" {
  source = "../function"

  name_prefix = var.name_prefix
  name        = "order-intake"
  description = "Takes checkouts, once for each transaction, and shows them."
  defaults    = var.function_defaults
  environment = {
    ORDERS_TABLE = aws_dynamodb_table.this["orders"].name
    GUARDS_TABLE = aws_dynamodb_table.this["guards"].name
    TOPIC_ARN    = aws_sns_topic.this["events"].arn
  }
  permissions = merge(local.remember_what_was_done, local.publish_events, {
    KeepOrders = { Action = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], Resource = [aws_dynamodb_table.this["orders"].arn] }
  })
}

module "inventory" {
  source = "../triggers/sns"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  topic_arn         = aws_sns_topic.this["events"].arn
  filter_policy     = { event = ["order.placed"] }
  failure_queue_arn = aws_sqs_queue.inventory_failures.arn
  function = {
    name        = "order-inventory"
    description = "Reserves an order's stock, all of it or nothing, once."
    environment = {
      ORDERS_TABLE = aws_dynamodb_table.this["orders"].name
      STOCK_TABLE  = aws_dynamodb_table.this["stock"].name
      TOPIC_ARN    = aws_sns_topic.this["events"].arn
    }
    # One transaction over both tables asks for each of its items' own permission.
    permissions = merge(local.change_orders, local.publish_events, {
      ReserveStock = { Action = ["dynamodb:PutItem", "dynamodb:UpdateItem"], Resource = [aws_dynamodb_table.this["stock"].arn] }
    })
  }
}

module "payment" {
  source = "../triggers/sqs"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  queue_arn         = aws_sqs_queue.this["payments"].arn
  function = {
    name            = "order-payment"
    description     = "Starts the saga of each order whose stock is reserved."
    timeout_seconds = local.queues.payments.timeout_seconds
    environment = {
      SAGA_ARN         = local.saga_arn
      DEAD_LETTERS_URL = aws_sqs_queue.dead_letters["payments"].url
    }
    permissions = {
      StartSagas          = { Action = ["states:StartExecution"], Resource = [local.saga_arn] }
      SetAsideWhatIsNoOne = { Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.dead_letters["payments"].arn] }
    }
  }
}

module "notice" {
  source = "../triggers/sqs"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  queue_arn         = aws_sqs_queue.this["notices"].arn
  function = {
    name            = "order-notice"
    description     = "Tells customers what became of their order, once."
    timeout_seconds = local.queues.notices.timeout_seconds
    environment = {
      GUARDS_TABLE      = aws_dynamodb_table.this["guards"].name
      NOTICES_TOPIC_ARN = aws_sns_topic.this["notices"].arn
      DEAD_LETTERS_URL  = aws_sqs_queue.dead_letters["notices"].url
    }
    permissions = merge(local.remember_what_was_done, {
      TellCustomers       = { Action = ["sns:Publish"], Resource = [aws_sns_topic.this["notices"].arn] }
      SetAsideWhatIsNoOne = { Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.dead_letters["notices"].arn] }
    })
  }
}

module "charge" {
  source = "../function"

  name_prefix     = var.name_prefix
  name            = "order-charge"
  description     = "Charges and refunds orders at the payment provider, behind a circuit breaker."
  defaults        = var.function_defaults
  timeout_seconds = local.charge_timeout_seconds
  environment = {
    ORDERS_TABLE                = aws_dynamodb_table.this["orders"].name
    GUARDS_TABLE                = aws_dynamodb_table.this["guards"].name
    PAYMENT_PROVIDER_URL        = var.payment_sandbox ? one(aws_lambda_function_url.sandbox).function_url : var.payment_provider.url
    PAYMENT_PROVIDER_SECRET_ARN = var.payment_sandbox ? "" : var.payment_provider.secret_arn
    PAYMENT_TIMEOUT_SECONDS     = 3
    BREAKER_FAILURES            = var.breaker.failures
    BREAKER_COOL_DOWN_SECONDS   = var.breaker.cool_down_seconds
    BREAKER_PROBE_SECONDS       = local.charge_timeout_seconds + 5
  }
  permissions = merge(local.change_orders, {
    KeepTheBreaker = { Action = ["dynamodb:GetItem", "dynamodb:PutItem"], Resource = [aws_dynamodb_table.this["guards"].arn] }
    AskTheProvider = {
      Action   = [var.payment_sandbox ? "lambda:InvokeFunctionUrl" : "secretsmanager:GetSecretValue"]
      Resource = [var.payment_sandbox ? one(module.sandbox).function.arn : var.payment_provider.secret_arn]
    }
  })
}

module "settle" {
  source = "../function"

  name_prefix = var.name_prefix
  name        = "order-settle"
  description = "Ends an order: confirmed and sold, or cancelled and its stock put back."
  defaults    = var.function_defaults
  environment = {
    ORDERS_TABLE = aws_dynamodb_table.this["orders"].name
    STOCK_TABLE  = aws_dynamodb_table.this["stock"].name
  }
  permissions = merge(local.change_orders, {
    MoveStock = { Action = ["dynamodb:GetItem", "dynamodb:UpdateItem"], Resource = [aws_dynamodb_table.this["stock"].arn] }
  })
}
