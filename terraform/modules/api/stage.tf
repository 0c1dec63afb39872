resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  # A deployment is a picture of the API. Any change to what is in the picture takes a new one.
  triggers = {
    content = sha1(jsonencode([
      aws_api_gateway_rest_api.this.binary_media_types,
      local.resources,
      local.methods,
      local.request_parameters,
      local.integrations,
      local.cache_keys,
      local.responses,
      aws_api_gateway_vpc_link.orders.id,
      [aws_api_gateway_model.presign.schema, aws_api_gateway_model.token.schema],
      [
        aws_api_gateway_authorizer.token.id, aws_api_gateway_authorizer.token.authorizer_uri,
        aws_api_gateway_authorizer.token.identity_validation_expression, aws_api_gateway_authorizer.token.authorizer_result_ttl_in_seconds,
      ],
      local.gateway_responses,
    ]))
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_api_gateway_integration.this, aws_api_gateway_integration_response.this, aws_api_gateway_gateway_response.this]
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = local.stage
  xray_tracing_enabled = true

  cache_cluster_enabled = var.cache_cluster_size_gb != null
  cache_cluster_size    = var.cache_cluster_size_gb

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      request_id          = "$context.requestId"
      trace_id            = "$context.xrayTraceId"
      time                = "$context.requestTime"
      caller              = "$context.identity.caller"
      user                = "$context.authorizer.principalId"
      api_key_id          = "$context.identity.apiKeyId"
      source_ip           = "$context.identity.sourceIp"
      user_agent          = "$context.identity.userAgent"
      http_method         = "$context.httpMethod"
      resource_path       = "$context.resourcePath"
      status              = "$context.status"
      response_bytes      = "$context.responseLength"
      latency_ms          = "$context.responseLatency"
      integration_ms      = "$context.integrationLatency"
      integration_status  = "$context.integrationStatus"
      integration_error   = "$context.integrationErrorMessage"
      error               = "$context.error.message"
      error_response_type = "$context.error.responseType"
      waf_response        = "$context.wafResponseCode"
    })
  }

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = "ERROR"
    data_trace_enabled     = false # bodies and keys would be in the logs
    caching_enabled        = false
    throttling_rate_limit  = var.throttle.rate_per_second
    throttling_burst_limit = var.throttle.burst
  }
}

# What differs from `all`. An entry replaces the whole of it, so the rest is said again.
locals {
  method_settings = merge(
    { post_token = { path = "auth/token/POST", throttle = var.sign_in_throttle, cache_seconds = null } },
    var.cache_cluster_size_gb == null ? {} : {
      get_jwks    = { path = "auth/jwks/GET", throttle = var.throttle, cache_seconds = 300 }
      list_photos = { path = "photos/GET", throttle = var.throttle, cache_seconds = 5 }
    },
  )
}

resource "aws_api_gateway_method_settings" "method" {
  for_each = local.method_settings

  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = each.value.path

  settings {
    metrics_enabled        = true
    logging_level          = "ERROR"
    data_trace_enabled     = false
    caching_enabled        = each.value.cache_seconds != null
    cache_ttl_in_seconds   = each.value.cache_seconds
    cache_data_encrypted   = each.value.cache_seconds != null
    throttling_rate_limit  = each.value.throttle.rate_per_second
    throttling_burst_limit = each.value.throttle.burst
  }

  depends_on = [aws_api_gateway_method_settings.all]
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.name_prefix}-api/access"
  retention_in_days = var.log_retention_days
}

resource "aws_api_gateway_usage_plan" "this" {
  name        = "${var.name_prefix}-default"
  description = "What a key may send."

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    rate_limit  = var.throttle.rate_per_second
    burst_limit = var.throttle.burst
  }

  quota_settings {
    limit  = var.quota_per_day
    period = "DAY"
  }
}

resource "aws_api_gateway_api_key" "default" {
  name        = "${var.name_prefix}-default"
  description = "The environment's own key: opsctl reads its value when it needs it."
}

resource "aws_api_gateway_usage_plan_key" "default" {
  key_id        = aws_api_gateway_api_key.default.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.this.id
}

# The page shows its key to everybody: it counts and slows down what comes from the page, and opens nothing.
resource "aws_api_gateway_usage_plan" "site" {
  name        = "${var.name_prefix}-site"
  description = "What the page's visitors may send, all together."

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    rate_limit  = var.site_throttle.rate_per_second
    burst_limit = var.site_throttle.burst
  }

  quota_settings {
    limit  = var.quota_per_day
    period = "DAY"
  }
}

resource "aws_api_gateway_api_key" "site" {
  name        = "${var.name_prefix}-site"
  description = "The page's key, which everybody can read."
}

resource "aws_api_gateway_usage_plan_key" "site" {
  key_id        = aws_api_gateway_api_key.site.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.site.id
}

# One role for the account and region, by which API Gateway writes every API's logs.
resource "aws_iam_role" "logging" {
  count = var.manage_account_logging ? 1 : 0

  name = "${var.name_prefix}-api-logging"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "apigateway.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "logging" {
  count = var.manage_account_logging ? 1 : 0

  role       = aws_iam_role.logging[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  count = var.manage_account_logging ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.logging[0].arn

  depends_on = [aws_iam_role_policy_attachment.logging]
}
