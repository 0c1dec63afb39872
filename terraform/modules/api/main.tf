# CloudFront ─ web ACL ─ stage v1 ─┬─ GET  /health                 answered here
#                                  ├─ POST /photos                 S3, uploads/<request id>
#                                  ├─ POST /photos/presign         ┐
#                                  ├─ GET  /photos[/{photo_id}]    ┴ Lambda photos-api
#                                  └─ ANY  /orders[/{proxy+}]      VPC link ─ network load balancer

data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  stage = "v1" # also the first part of every path: CloudFront hands /v1/* on as it is

  # Every method is one line here; methods.tf makes them.
  resources = {
    health  = { parent = "", path_part = "health" }
    photos  = { parent = "", path_part = "photos" }
    presign = { parent = "photos", path_part = "presign" }
    photo   = { parent = "photos", path_part = "{photo_id}" }
    orders  = { parent = "", path_part = "orders" }
    order   = { parent = "orders", path_part = "{proxy+}" }
  }

  # Whoever changes something shows a key. Reading photos is as open as the page that shows them.
  methods = {
    get_health   = { resource = "health", http_method = "GET", api_key = false }
    post_photo   = { resource = "photos", http_method = "POST", api_key = true }
    list_photos  = { resource = "photos", http_method = "GET", api_key = false }
    post_presign = { resource = "presign", http_method = "POST", api_key = true }
    get_photo    = { resource = "photo", http_method = "GET", api_key = false }
    any_orders   = { resource = "orders", http_method = "ANY", api_key = true }
    any_order    = { resource = "order", http_method = "ANY", api_key = true }
  }

  request_parameters = {
    post_photo  = { "method.request.header.Content-Type" = true }
    list_photos = { "method.request.querystring.limit" = false, "method.request.querystring.next" = false }
    get_photo   = { "method.request.path.photo_id" = true }
    any_order   = { "method.request.path.proxy" = true }
  }
}

resource "aws_api_gateway_rest_api" "this" {
  name        = "${var.name_prefix}-api"
  description = "Photos and orders, reached through the edge only."

  # Bodies of these types go through byte for byte; all others are text. So JSON routes stay untouched (*/* would break
  # the mock and every mapping template).
  binary_media_types = ["image/jpeg", "image/png", "image/webp"]

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_resource" "root" {
  for_each = { for name, resource in local.resources : name => resource if resource.parent == "" }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = each.value.path_part
}

resource "aws_api_gateway_resource" "nested" {
  for_each = { for name, resource in local.resources : name => resource if resource.parent != "" }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.root[each.value.parent].id
  path_part   = each.value.path_part
}

resource "aws_api_gateway_request_validator" "this" {
  rest_api_id                 = aws_api_gateway_rest_api.this.id
  name                        = "parameters-and-body"
  validate_request_parameters = true
  validate_request_body       = true
}

resource "aws_api_gateway_model" "presign" {
  rest_api_id  = aws_api_gateway_rest_api.this.id
  name         = "PresignRequest"
  content_type = "application/json"
  schema = jsonencode({
    "$schema"            = "http://json-schema.org/draft-04/schema#"
    type                 = "object"
    additionalProperties = false
    required             = ["content_type", "content_length"]
    properties = {
      content_type   = { type = "string", enum = ["image/jpeg", "image/png", "image/webp"] }
      content_length = { type = "integer", minimum = 1, maximum = 10485760 }
    }
  })
}

# What API Gateway itself refuses is JSON too, with the id to ask for in the logs.
resource "aws_api_gateway_gateway_response" "this" {
  for_each = {
    DEFAULT_4XX        = { status = null, template = "{\"message\":$context.error.messageString,\"request_id\":\"$context.requestId\"}" }
    DEFAULT_5XX        = { status = null, template = "{\"message\":$context.error.messageString,\"request_id\":\"$context.requestId\"}" }
    THROTTLED          = { status = "429", template = "{\"message\":\"Too many requests.\",\"request_id\":\"$context.requestId\"}" }
    QUOTA_EXCEEDED     = { status = "429", template = "{\"message\":\"This key's quota for today is used up.\",\"request_id\":\"$context.requestId\"}" }
    REQUEST_TOO_LARGE  = { status = "413", template = "{\"message\":\"The body is larger than 10 MB.\",\"request_id\":\"$context.requestId\"}" }
    WAF_FILTERED       = { status = "403", template = "{\"message\":\"Forbidden\",\"request_id\":\"$context.requestId\"}" }
    RESOURCE_NOT_FOUND = { status = "404", template = "{\"message\":\"There is nothing here.\",\"request_id\":\"$context.requestId\"}" }
    # An unknown path is answered with this one, and by default with 403.
    MISSING_AUTHENTICATION_TOKEN = { status = "404", template = "{\"message\":\"There is nothing here.\",\"request_id\":\"$context.requestId\"}" }
  }

  rest_api_id         = aws_api_gateway_rest_api.this.id
  response_type       = each.key
  status_code         = each.value.status
  response_templates  = { "application/json" = each.value.template }
  response_parameters = each.value.status == "429" ? { "gatewayresponse.header.Retry-After" = "'1'" } : {}
}
