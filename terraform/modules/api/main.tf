# CloudFront ─ web ACL ─ stage v1 ─┬─ GET  /health                 answered here
#                                  ├─ POST /auth/token             ┐
#                                  ├─ GET  /auth/jwks              ┴ Lambda auth-token
#                                  ├─ POST /photos                 S3, uploads/<request id>               ┐
#                                  ├─ POST /photos/presign         ┐                                      │ key and token,
#                                  ├─ GET  /photos[/{photo_id}]    ┴ Lambda photos-api (GET needs neither)│ Lambda authorizer
#                                  ├─ POST /checkouts              ┐                                      │
#                                  ├─ GET  /checkouts/{id}         ┴ Lambda order-intake                  │
#                                  ├─ POST /approvals/{id}         Lambda approval-answer                 │
#                                  └─ ANY  /orders[/{proxy+}]      VPC link ─ network load balancer       ┘

data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  stage = "v1" # also the first part of every path: CloudFront hands /v1/* on as it is

  # Every method is one line here; methods.tf makes them.
  resources = {
    health  = { parent = "", path_part = "health" }
    auth    = { parent = "", path_part = "auth" }
    token   = { parent = "auth", path_part = "token" }
    jwks    = { parent = "auth", path_part = "jwks" }
    photos  = { parent = "", path_part = "photos" }
    presign = { parent = "photos", path_part = "presign" }
    photo   = { parent = "photos", path_part = "{photo_id}" }
    orders  = { parent = "", path_part = "orders" }
    order   = { parent = "orders", path_part = "{proxy+}" }

    checkouts = { parent = "", path_part = "checkouts" }
    checkout  = { parent = "checkouts", path_part = "{transaction_id}" }
    approvals = { parent = "", path_part = "approvals" }
    approval  = { parent = "approvals", path_part = "{approval_id}" }
  }

  # Whoever changes something shows a key, which is counted, and a token, which says who it is and what it may do: the
  # authorizer knows which scope allows which method. Reading photos is as open as the page that shows them.
  # /orders takes any method, so that the service itself answers a wrong one (405, with the right ones).
  methods = {
    get_health   = { resource = "health", http_method = "GET", protected = false, function = null }
    post_token   = { resource = "token", http_method = "POST", protected = false, function = "auth-token" }
    get_jwks     = { resource = "jwks", http_method = "GET", protected = false, function = "auth-token" }
    post_photo   = { resource = "photos", http_method = "POST", protected = true, function = null }
    list_photos  = { resource = "photos", http_method = "GET", protected = false, function = "photos-api" }
    post_presign = { resource = "presign", http_method = "POST", protected = true, function = "photos-api" }
    get_photo    = { resource = "photo", http_method = "GET", protected = false, function = "photos-api" }
    any_orders   = { resource = "orders", http_method = "ANY", protected = true, function = null }
    any_order    = { resource = "order", http_method = "ANY", protected = true, function = null }

    post_checkout = { resource = "checkouts", http_method = "POST", protected = true, function = "order-intake" }
    get_checkout  = { resource = "checkout", http_method = "GET", protected = true, function = "order-intake" }
    post_approval = { resource = "approval", http_method = "POST", protected = true, function = "approval-answer" }
  }

  request_parameters = {
    post_photo  = { "method.request.header.Content-Type" = true }
    list_photos = { "method.request.querystring.limit" = false, "method.request.querystring.next" = false }
    get_photo   = { "method.request.path.photo_id" = true }
    any_order   = { "method.request.path.proxy" = true }

    get_checkout  = { "method.request.path.transaction_id" = true }
    post_approval = { "method.request.path.approval_id" = true }
  }
}

resource "aws_api_gateway_rest_api" "this" {
  name        = "${var.name_prefix}-api"
  description = "Photos, orders and checkouts, reached through the edge only."

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

resource "aws_api_gateway_model" "token" {
  rest_api_id  = aws_api_gateway_rest_api.this.id
  name         = "TokenRequest"
  content_type = "application/json"
  schema = jsonencode({
    "$schema"            = "http://json-schema.org/draft-04/schema#"
    type                 = "object"
    additionalProperties = false
    required             = ["username", "password"]
    properties = {
      username = { type = "string", minLength = 1, maxLength = 64 }
      password = { type = "string", minLength = 1, maxLength = 256 }
    }
  })
}

# A token's answer is kept for five minutes and used for other methods too, which the authorizer's policy covers. What
# is no bearer token is refused without asking it.
resource "aws_api_gateway_authorizer" "token" {
  rest_api_id                      = aws_api_gateway_rest_api.this.id
  name                             = "token"
  type                             = "TOKEN"
  authorizer_uri                   = var.functions["auth-authorizer"].invoke_arn
  identity_source                  = "method.request.header.Authorization"
  identity_validation_expression   = "^Bearer [A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$"
  authorizer_result_ttl_in_seconds = 300
}

# What API Gateway itself refuses is JSON too, with the id to ask for in the logs.
locals {
  messages = {
    DEFAULT_4XX        = { status = null, message = "$context.error.messageString" }
    DEFAULT_5XX        = { status = null, message = "$context.error.messageString" }
    UNAUTHORIZED       = { status = "401", message = "\"A valid token is needed: sign in again.\"", headers = { "WWW-Authenticate" = "Bearer" } }
    ACCESS_DENIED      = { status = "403", message = "\"This token does not allow that, or has just expired.\"" }
    INVALID_API_KEY    = { status = "403", message = "\"The API key is missing or unknown.\"" }
    WAF_FILTERED       = { status = "403", message = "\"Forbidden\"" }
    RESOURCE_NOT_FOUND = { status = "404", message = "\"There is nothing here.\"" }
    # An unknown path is answered with this one, and by default with 403.
    MISSING_AUTHENTICATION_TOKEN = { status = "404", message = "\"There is nothing here.\"" }
    REQUEST_TOO_LARGE            = { status = "413", message = "\"The body is larger than 10 MB.\"" }
    THROTTLED                    = { status = "429", message = "\"Too many requests.\"", headers = { "Retry-After" = "1" } }
    QUOTA_EXCEEDED               = { status = "429", message = "\"This key's quota for today is used up.\"", headers = { "Retry-After" = "1" } }
  }

  gateway_responses = {
    for type, answer in local.messages : type => {
      status     = answer.status
      template   = "{\"message\":${answer.message},\"request_id\":\"$context.requestId\"}"
      parameters = { for name, value in try(answer.headers, {}) : "gatewayresponse.header.${name}" => "'${value}'" }
    }
  }
}

resource "aws_api_gateway_gateway_response" "this" {
  for_each = local.gateway_responses

  rest_api_id         = aws_api_gateway_rest_api.this.id
  response_type       = each.key
  status_code         = each.value.status
  response_templates  = { "application/json" = each.value.template }
  response_parameters = each.value.parameters
}
