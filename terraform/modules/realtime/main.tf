# client ─ wss ─ API Gateway ─ $connect (authorizer) ─ realtime-connect ──┐
#                    │         actions ─ realtime-messages ───────────────┼─ connections table
#                    └─ @connections ─ realtime-announce ─ photo.ready ───┤
#                                      realtime-sweep ─ Scheduler ────────┘

locals {
  stage   = "live"
  region  = data.aws_region.current.id
  account = data.aws_caller_identity.current.account_id

  api_arn      = "arn:${data.aws_partition.current.partition}:execute-api:${local.region}:${local.account}:${aws_apigatewayv2_api.this.id}"
  callback_url = "https://${aws_apigatewayv2_api.this.id}.execute-api.${local.region}.amazonaws.com/${local.stage}"
  queue_name   = "${var.name_prefix}-realtime-failures"
  queue_arn    = "arn:${data.aws_partition.current.partition}:sqs:${local.region}:${local.account}:${local.queue_name}"

  # Every SDK reads this variable: it is where a function talks to clients.
  environment = {
    TABLE                                    = aws_dynamodb_table.connections.name
    AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI = local.callback_url
  }
  callback = {
    for verb, method in { Send = "POST", Ask = "GET", HangUp = "DELETE" } : verb => "${local.api_arn}/${local.stage}/${method}/@connections/*"
  }

  # Which function a route leads to. An unknown action has no route of its own, so it comes by $default.
  routes = merge(
    { for key in ["$connect", "$disconnect"] : key => "realtime-connect" },
    { for key in concat(["$default"], var.actions) : key => "realtime-messages" },
  )
}

resource "aws_dynamodb_table" "connections" {
  name         = "${var.name_prefix}-connections"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "topic"
  range_key    = "connection_id"

  attribute {
    name = "topic"
    type = "S"
  }

  attribute {
    name = "connection_id"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  server_side_encryption {
    enabled = true
  }
}

resource "aws_sqs_queue" "failures" {
  name                      = local.queue_name
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_apigatewayv2_api" "this" {
  name                       = "${var.name_prefix}-realtime"
  description                = "Tells clients what happens, while it happens."
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

# The token comes in Sec-WebSocket-Protocol: a browser can set no other header, and an address would be logged.
resource "aws_apigatewayv2_authorizer" "token" {
  api_id           = aws_apigatewayv2_api.this.id
  name             = "token"
  authorizer_type  = "REQUEST"
  authorizer_uri   = local.functions["realtime-authorizer"].invoke_arn
  identity_sources = ["route.request.header.Sec-WebSocket-Protocol"]
}

resource "aws_apigatewayv2_integration" "function" {
  for_each = toset(values(local.routes))

  api_id             = aws_apigatewayv2_api.this.id
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = local.functions[each.key].invoke_arn
}

resource "aws_apigatewayv2_route" "this" {
  for_each = local.routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.function[each.value].id}"
  authorization_type = each.key == "$connect" ? "CUSTOM" : "NONE" # asked once, and kept with the connection
  authorizer_id      = each.key == "$connect" ? aws_apigatewayv2_authorizer.token.id : null
}

resource "aws_lambda_permission" "api" {
  for_each = toset(concat(values(local.routes), ["realtime-authorizer"]))

  statement_id  = "TheApiInvokes"
  action        = "lambda:InvokeFunction"
  function_name = local.functions[each.key].function_name
  qualifier     = local.functions[each.key].alias
  principal     = "apigateway.amazonaws.com"
  source_arn    = each.key == "realtime-authorizer" ? "${local.api_arn}/authorizers/${aws_apigatewayv2_authorizer.token.id}" : "${local.api_arn}/${local.stage}/*"
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.name_prefix}-realtime"
  retention_in_days = var.function_defaults.log_retention_days
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = local.stage
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.throttle.rate
    throttling_burst_limit   = var.throttle.burst
    detailed_metrics_enabled = true
    data_trace_enabled       = false # it would write tokens and messages into a log
    logging_level            = "OFF"
  }

  # No header is among these: Sec-WebSocket-Protocol carries the token.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      request_id    = "$context.requestId"
      time          = "$context.requestTime"
      connection_id = "$context.connectionId"
      event_type    = "$context.eventType"
      route         = "$context.routeKey"
      message_id    = "$context.messageId"
      user          = "$context.authorizer.principalId"
      source_ip     = "$context.identity.sourceIp"
      status        = "$context.status"
      error         = "$context.error.message"
      latency_ms    = "$context.integrationLatency"
    })
  }

  depends_on = [aws_apigatewayv2_route.this]

  # AWS refuses a stage with a log before the account has a role for logging; naming it here waits for it.
  lifecycle {
    precondition {
      condition     = var.account_logging_role_arn == null || can(regex("^arn:", var.account_logging_role_arn))
      error_message = "account_logging_role_arn must be a role's ARN, or null where another environment sets it."
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}
