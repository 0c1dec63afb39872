locals {
  resource_ids = merge(
    { for name, resource in aws_api_gateway_resource.root : name => resource.id },
    { for name, resource in aws_api_gateway_resource.nested : name => resource.id },
  )

  # Methods that a function answers.
  function_methods = { for name, method in local.methods : name => var.functions[method.function] if method.function != null }

  # What the stage's cache tells two requests apart by.
  cache_keys = { list_photos = ["method.request.querystring.limit", "method.request.querystring.next"] }

  request_models = {
    post_presign = { "application/json" = aws_api_gateway_model.presign.name }
    post_token   = { "application/json" = aws_api_gateway_model.token.name }
  }

  integrations = merge(
    {
      get_health = {
        type              = "MOCK"
        request_templates = { "application/json" = jsonencode({ statusCode = 200 }) }
      }
      post_photo = {
        type                    = "AWS"
        integration_http_method = "PUT"
        uri                     = "arn:${data.aws_partition.current.partition}:apigateway:${data.aws_region.current.id}:s3:path/${var.photos_bucket}/uploads/{key}"
        credentials             = var.upload_role_arn
        passthrough_behavior    = "WHEN_NO_MATCH"
        request_parameters = {
          "integration.request.path.key"            = "context.requestId"
          "integration.request.header.Content-Type" = "method.request.header.Content-Type"
        }
      }
      any_orders = {
        type                    = "HTTP_PROXY"
        integration_http_method = "ANY"
        uri                     = "${var.orders_service.url}/orders"
        connection_type         = "VPC_LINK"
        request_parameters      = { "integration.request.header.X-Request-Id" = "context.requestId" }
      }
      any_order = {
        type                    = "HTTP_PROXY"
        integration_http_method = "ANY"
        uri                     = "${var.orders_service.url}/orders/{proxy}"
        connection_type         = "VPC_LINK"
        request_parameters = {
          "integration.request.path.proxy"          = "method.request.path.proxy"
          "integration.request.header.X-Request-Id" = "context.requestId"
        }
      }
    },
    {
      for method, function in local.function_methods : method => {
        type                    = "AWS_PROXY"
        integration_http_method = "POST"
        uri                     = function.invoke_arn
      }
    },
  )

  # What the integrations that are not proxies answer with: a pattern on the backend's status, the first is the default.
  responses = {
    health_ok       = { method = "get_health", status = "200", pattern = null, body = jsonencode({ status = "ok" }) }
    photo_created   = { method = "post_photo", status = "201", pattern = null, body = "{\"photo_id\":\"$context.requestId\"}" }
    photo_not_taken = { method = "post_photo", status = "502", pattern = "[45]\\d{2}", body = "{\"message\":\"The photo could not be stored.\",\"request_id\":\"$context.requestId\"}" }
  }
}

resource "aws_api_gateway_method" "this" {
  for_each = local.methods

  rest_api_id          = aws_api_gateway_rest_api.this.id
  resource_id          = local.resource_ids[each.value.resource]
  http_method          = each.value.http_method
  authorization        = each.value.protected ? "CUSTOM" : "NONE"
  authorizer_id        = each.value.protected ? aws_api_gateway_authorizer.token.id : null
  api_key_required     = each.value.protected
  request_validator_id = aws_api_gateway_request_validator.this.id
  request_parameters   = lookup(local.request_parameters, each.key, {})
  request_models       = lookup(local.request_models, each.key, {})
}

resource "aws_api_gateway_integration" "this" {
  for_each = local.methods

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = local.resource_ids[each.value.resource]
  http_method             = aws_api_gateway_method.this[each.key].http_method
  type                    = local.integrations[each.key].type
  integration_http_method = try(local.integrations[each.key].integration_http_method, null)
  uri                     = try(local.integrations[each.key].uri, null)
  credentials             = try(local.integrations[each.key].credentials, null)
  passthrough_behavior    = try(local.integrations[each.key].passthrough_behavior, null)
  request_parameters      = try(local.integrations[each.key].request_parameters, null)
  request_templates       = try(local.integrations[each.key].request_templates, null)
  cache_key_parameters    = lookup(local.cache_keys, each.key, null)
  connection_type         = try(local.integrations[each.key].connection_type, null)
  connection_id           = try(local.integrations[each.key].connection_type, null) == "VPC_LINK" ? aws_api_gateway_vpc_link.orders.id : null
}

resource "aws_api_gateway_method_response" "this" {
  for_each = local.responses

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_method.this[each.value.method].resource_id
  http_method = aws_api_gateway_method.this[each.value.method].http_method
  status_code = each.value.status
}

resource "aws_api_gateway_integration_response" "this" {
  for_each = local.responses

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_method.this[each.value.method].resource_id
  http_method        = aws_api_gateway_method.this[each.value.method].http_method
  status_code        = aws_api_gateway_method_response.this[each.key].status_code
  selection_pattern  = each.value.pattern
  response_templates = { "application/json" = each.value.body }

  depends_on = [aws_api_gateway_integration.this]
}

resource "aws_api_gateway_vpc_link" "orders" {
  name        = "${var.name_prefix}-orders"
  target_arns = [var.orders_service.load_balancer_arn]
}

resource "aws_lambda_permission" "method" {
  for_each = local.function_methods

  statement_id  = replace("api-${each.key}", "_", "-")
  action        = "lambda:InvokeFunction"
  function_name = each.value.function_name
  qualifier     = each.value.alias
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/${local.stage}/${local.methods[each.key].http_method}${local.paths[local.methods[each.key].resource]}"
}

resource "aws_lambda_permission" "authorizer" {
  statement_id  = "api-authorizer"
  action        = "lambda:InvokeFunction"
  function_name = var.functions["auth-authorizer"].function_name
  qualifier     = var.functions["auth-authorizer"].alias
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/authorizers/${aws_api_gateway_authorizer.token.id}"
}

locals {
  # As in an execute-api ARN, where a path parameter is a star.
  paths = {
    for name, resource in local.resources : name =>
    replace(resource.parent == "" ? "/${resource.path_part}" : "/${local.resources[resource.parent].path_part}/${resource.path_part}", "/\\{[^}]*\\}/", "*")
  }
}
