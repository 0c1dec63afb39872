mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_api_gateway_rest_api" {
    defaults = { id = "abc123", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:abc123" }
  }
  mock_resource "aws_api_gateway_stage" {
    defaults = { arn = "arn:aws:apigateway:eu-central-1::/restapis/abc123/stages/v1" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:a-group" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/a-role" }
  }
  mock_resource "aws_api_gateway_authorizer" {
    defaults = { id = "authorizer1" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/an-acl/1" }
  }
}

variables {
  name_prefix     = "opsctl-test"
  origin_secret   = "0123456789abcdef0123456789abcdef"
  photos_bucket   = "opsctl-test-photos"
  upload_role_arn = "arn:aws:iam::111122223333:role/opsctl-test-photo-upload"
  functions = {
    photos-api = {
      function_name = "opsctl-test-photos-api"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:opsctl-test-photos-api:live/invocations"
    }
    auth-token = {
      function_name = "opsctl-test-auth-token"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:opsctl-test-auth-token:live/invocations"
    }
    auth-authorizer = {
      function_name = "opsctl-test-auth-authorizer"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:opsctl-test-auth-authorizer:live/invocations"
    }
    order-intake = {
      function_name = "opsctl-test-order-intake"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:opsctl-test-order-intake:live/invocations"
    }
    approval-answer = {
      function_name = "opsctl-test-approval-answer"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:opsctl-test-approval-answer:live/invocations"
    }
  }
  orders_service = {
    load_balancer_arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders/1"
    url               = "http://orders.internal:8080"
  }
}

run "the_stage_is_behind_a_web_acl_that_lets_in_the_edge_only" {
  assert {
    condition     = aws_wafv2_web_acl_association.stage.resource_arn == aws_api_gateway_stage.this.arn && aws_wafv2_web_acl_association.stage.web_acl_arn == aws_wafv2_web_acl.this.arn
    error_message = "The stage must be behind the web ACL."
  }

  assert {
    condition = one([
      for rule in aws_wafv2_web_acl.this.rule : [
        length(rule.action[0].block),
        rule.statement[0].not_statement[0].statement[0].byte_match_statement[0].field_to_match[0].single_header[0].name,
        rule.statement[0].not_statement[0].statement[0].byte_match_statement[0].positional_constraint,
        nonsensitive(rule.statement[0].not_statement[0].statement[0].byte_match_statement[0].search_string),
      ] if rule.priority == 0
    ]) == [1, "x-origin-verify", "EXACTLY", "0123456789abcdef0123456789abcdef"]
    error_message = "The first rule must block what does not carry the edge's secret, exactly."
  }

  assert {
    condition = toset([for field in aws_wafv2_web_acl_logging_configuration.this.redacted_fields : field.single_header[0].name]) == toset([
      "authorization", "x-api-key", "x-origin-verify",
    ])
    error_message = "No secret may be in the web ACL's logs."
  }

  assert {
    condition     = alltrue([for rule in aws_wafv2_web_acl.this.rule : !rule.visibility_config[0].sampled_requests_enabled])
    error_message = "Samples show whole headers, so the secret too."
  }
}

run "whoever_changes_something_shows_a_key_and_a_token" {
  assert {
    condition = toset([for name, method in aws_api_gateway_method.this : name if method.api_key_required]) == toset([
      "post_photo", "post_presign", "any_orders", "any_order", "post_checkout", "get_checkout", "post_approval",
    ])
    error_message = "Uploads, orders, checkouts and approvals need a key."
  }

  assert {
    condition = alltrue([
      for method in aws_api_gateway_method.this :
      method.api_key_required ? method.authorization == "CUSTOM" && method.authorizer_id == aws_api_gateway_authorizer.token.id : method.authorization == "NONE"
    ])
    error_message = "What needs a key needs a token too, and nothing else does."
  }

  assert {
    condition = alltrue([
      for name, method in aws_api_gateway_method.this : method.api_key_required || method.http_method == "GET" || name == "post_token"
    ])
    error_message = "A method that is open may only read, or sign in."
  }

  assert {
    condition     = aws_api_gateway_usage_plan_key.default.usage_plan_id == aws_api_gateway_usage_plan.this.id && one(aws_api_gateway_usage_plan.this.quota_settings).period == "DAY"
    error_message = "The key must be in a usage plan with a quota."
  }

  assert {
    condition = (
      aws_api_gateway_usage_plan_key.site.usage_plan_id == aws_api_gateway_usage_plan.site.id &&
      one(aws_api_gateway_usage_plan.site.throttle_settings).rate_limit < one(aws_api_gateway_usage_plan.this.throttle_settings).rate_limit
    )
    error_message = "The page's open key must have a smaller plan of its own."
  }
}

run "tokens_are_checked_by_the_authorizer_and_answers_kept_for_five_minutes" {
  assert {
    condition = (
      aws_api_gateway_authorizer.token.type == "TOKEN" && aws_api_gateway_authorizer.token.identity_source == "method.request.header.Authorization" &&
      aws_api_gateway_authorizer.token.authorizer_result_ttl_in_seconds == 300 && aws_api_gateway_authorizer.token.authorizer_uri == var.functions["auth-authorizer"].invoke_arn
    )
    error_message = "The authorizer must take the Authorization header, and its answer be kept for 300 s."
  }

  assert {
    condition = alltrue([
      for header, good in {
        "Bearer abc.def.g-_1" = true, "Bearer abc.def." = false, "Bearer abc.def" = false, "Basic abc.def.ghi" = false, "Bearer a.b.c d" = false,
      } : can(regex(aws_api_gateway_authorizer.token.identity_validation_expression, header)) == good
    ])
    error_message = "Only three base64url parts after Bearer may reach the authorizer."
  }

  assert {
    condition = (
      aws_lambda_permission.authorizer.qualifier == "live" &&
      aws_lambda_permission.authorizer.source_arn == "arn:aws:execute-api:eu-central-1:111122223333:abc123/authorizers/authorizer1"
    )
    error_message = "API Gateway may call the authorizer's alias, for this API."
  }
}

run "signing_in_is_throttled_by_itself" {
  assert {
    condition = (
      aws_api_gateway_method_settings.method["post_token"].method_path == "auth/token/POST" &&
      one(aws_api_gateway_method_settings.method["post_token"].settings).throttling_rate_limit == 5 &&
      one(aws_api_gateway_method_settings.method["post_token"].settings).throttling_burst_limit == 10
    )
    error_message = "Passwords must not be guessed as fast as the API answers."
  }

  assert {
    condition     = alltrue([for settings in aws_api_gateway_method_settings.method : !one(settings.settings).data_trace_enabled])
    error_message = "Passwords would be in the logs."
  }
}

run "nothing_is_cached_unless_asked_for" {
  assert {
    condition     = !aws_api_gateway_stage.this.cache_cluster_enabled && toset(keys(aws_api_gateway_method_settings.method)) == toset(["post_token"])
    error_message = "A cache costs money by the hour."
  }
}

run "only_what_everybody_may_see_is_cached_and_encrypted" {
  variables { cache_cluster_size_gb = "0.5" }

  assert {
    condition = {
      for name, settings in aws_api_gateway_method_settings.method : settings.method_path => one(settings.settings).cache_ttl_in_seconds
      if one(settings.settings).caching_enabled
    } == { "auth/jwks/GET" = 300, "photos/GET" = 5 }
    error_message = "The published keys and the list of photos may be cached, and nothing else."
  }

  assert {
    condition = aws_api_gateway_stage.this.cache_cluster_enabled && alltrue([
      for settings in aws_api_gateway_method_settings.method : one(settings.settings).cache_data_encrypted == one(settings.settings).caching_enabled
    ])
    error_message = "What is cached must be encrypted."
  }

  assert {
    condition     = toset(aws_api_gateway_integration.this["list_photos"].cache_key_parameters) == toset(["method.request.querystring.limit", "method.request.querystring.next"])
    error_message = "Each page of the list must be cached for itself."
  }
}

run "every_request_is_validated" {
  assert {
    condition = (
      alltrue([for method in aws_api_gateway_method.this : method.request_validator_id == aws_api_gateway_request_validator.this.id]) &&
      aws_api_gateway_request_validator.this.validate_request_body && aws_api_gateway_request_validator.this.validate_request_parameters
    )
    error_message = "Every method must validate parameters and body."
  }

  assert {
    condition     = jsondecode(aws_api_gateway_model.presign.schema).properties.content_length.maximum == 10 * 1024 * 1024
    error_message = "A presigned upload may be at most 10 MiB."
  }
}

run "an_upload_goes_to_the_bucket_under_the_request_id_byte_for_byte" {
  assert {
    condition = (
      aws_api_gateway_integration.this["post_photo"].uri == "arn:aws:apigateway:eu-central-1:s3:path/opsctl-test-photos/uploads/{key}" &&
      aws_api_gateway_integration.this["post_photo"].request_parameters["integration.request.path.key"] == "context.requestId" &&
      aws_api_gateway_integration.this["post_photo"].credentials == var.upload_role_arn
    )
    error_message = "The upload must be put at uploads/<request id> by its own role."
  }

  assert {
    condition     = toset(aws_api_gateway_rest_api.this.binary_media_types) == toset(["image/jpeg", "image/png", "image/webp"])
    error_message = "Images, and only they, must pass as bytes: */* would break the JSON routes."
  }

  assert {
    condition     = aws_api_gateway_integration_response.this["photo_created"].status_code == "201"
    error_message = "A stored photo must be answered with 201."
  }
}

run "the_stage_is_logged_traced_throttled_and_keeps_bodies_to_itself" {
  assert {
    condition     = aws_api_gateway_stage.this.xray_tracing_enabled
    error_message = "The stage must be traced."
  }

  assert {
    condition = alltrue([
      for field in ["request_id", "caller", "latency_ms", "integration_error"] :
      contains(keys(jsondecode(one(aws_api_gateway_stage.this.access_log_settings).format)), field)
    ])
    error_message = "Access logs must name request id, caller, latency and the integration's error."
  }

  assert {
    condition = (
      !one(aws_api_gateway_method_settings.all.settings).data_trace_enabled && one(aws_api_gateway_method_settings.all.settings).metrics_enabled &&
      one(aws_api_gateway_method_settings.all.settings).throttling_rate_limit == 100 && one(aws_api_gateway_method_settings.all.settings).throttling_burst_limit == 200
    )
    error_message = "All methods must have metrics and throttling, and no data trace."
  }

  assert {
    condition     = aws_api_gateway_method_settings.all.method_path == "*/*"
    error_message = "The settings must hold for every method."
  }
}

run "orders_go_through_the_vpc_link_only" {
  assert {
    condition = alltrue([
      for name in ["any_orders", "any_order"] :
      aws_api_gateway_integration.this[name].connection_type == "VPC_LINK" && aws_api_gateway_integration.this[name].connection_id == aws_api_gateway_vpc_link.orders.id
    ])
    error_message = "The private service must be reached by the VPC link."
  }
}

run "the_function_is_called_by_its_alias_and_by_this_api_only" {
  assert {
    condition = alltrue([
      for permission in aws_lambda_permission.method :
      permission.qualifier == "live" && startswith(permission.source_arn, "arn:aws:execute-api:eu-central-1:111122223333:abc123/v1/")
    ])
    error_message = "API Gateway may call the alias, for this API's stage."
  }
}

run "a_permission_names_its_method_and_path" {
  assert {
    condition = (
      endswith(aws_lambda_permission.method["get_checkout"].source_arn, "/v1/GET/checkouts/*") &&
      endswith(aws_lambda_permission.method["post_presign"].source_arn, "/v1/POST/photos/presign") &&
      endswith(aws_lambda_permission.method["list_photos"].source_arn, "/v1/GET/photos")
    )
    error_message = "A permission must be for one method and path, a parameter standing for any."
  }
}

run "a_missing_function_is_refused" {
  command = plan
  variables {
    functions = {}
  }
  expect_failures = [var.functions]
}

run "refusals_are_json_with_the_request_id" {
  assert {
    condition = alltrue([
      for response in aws_api_gateway_gateway_response.this :
      strcontains(response.response_templates["application/json"], "\"request_id\":\"$context.requestId\"")
    ])
    error_message = "Whoever is refused must get an id to ask for."
  }
}

run "who_has_no_token_is_told_how_to_show_one" {
  assert {
    condition = (
      aws_api_gateway_gateway_response.this["UNAUTHORIZED"].status_code == "401" &&
      aws_api_gateway_gateway_response.this["UNAUTHORIZED"].response_parameters == tomap({ "gatewayresponse.header.WWW-Authenticate" = "'Bearer'" }) &&
      aws_api_gateway_gateway_response.this["ACCESS_DENIED"].status_code == "403" && aws_api_gateway_gateway_response.this["INVALID_API_KEY"].status_code == "403"
    )
    error_message = "401 says Bearer; 403 is for tokens without the scope and for wrong keys."
  }
}

run "another_environment_may_own_the_accounts_logging" {
  variables { manage_account_logging = false }

  assert {
    condition     = length(aws_api_gateway_account.this) == 0 && length(aws_iam_role.logging) == 0
    error_message = "manage_account_logging = false must leave the account's setting alone."
  }
}

run "a_short_secret_is_refused" {
  command = plan
  variables { origin_secret = "short" }
  expect_failures = [var.origin_secret]
}

run "logs_for_ever_are_refused" {
  command = plan
  variables { log_retention_days = 0 }
  expect_failures = [var.log_retention_days]
}

run "a_service_url_with_a_path_is_refused" {
  command = plan
  variables {
    orders_service = { load_balancer_arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders/1", url = "http://orders.internal/" }
  }
  expect_failures = [var.orders_service]
}

run "a_throttle_of_nothing_is_refused" {
  command = plan
  variables { throttle = { rate_per_second = 0, burst = 0 } }
  expect_failures = [var.throttle]
}

run "a_quota_of_nothing_is_refused" {
  command = plan
  variables { quota_per_day = 0 }
  expect_failures = [var.quota_per_day]
}

run "a_rate_below_what_waf_takes_is_refused" {
  command = plan
  variables { rate_limit_per_5_minutes = 9 }
  expect_failures = [var.rate_limit_per_5_minutes]
}

run "a_prefix_that_can_not_be_in_a_name_is_refused" {
  command = plan
  variables { name_prefix = "Opsctl_Test" }
  expect_failures = [var.name_prefix]
}

run "a_cache_of_another_size_is_refused" {
  command = plan
  variables { cache_cluster_size_gb = "2" }
  expect_failures = [var.cache_cluster_size_gb]
}

run "a_sign_in_throttle_of_nothing_is_refused" {
  command = plan
  variables { sign_in_throttle = { rate_per_second = 0, burst = 0 } }
  expect_failures = [var.sign_in_throttle]
}

run "a_site_throttle_of_nothing_is_refused" {
  command = plan
  variables { site_throttle = { rate_per_second = 0, burst = 0 } }
  expect_failures = [var.site_throttle]
}
