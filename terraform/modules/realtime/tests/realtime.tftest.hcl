mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/a-role" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:a-function:live" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:a-group" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a-table" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = { id = "abcd1234" }
  }
  mock_resource "aws_scheduler_schedule_group" {
    defaults = { arn = "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/a-group" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  photos_topic_arn  = "arn:aws:sns:eu-central-1:111122223333:photos"
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 7 }
  tokens = {
    issuer         = "https://test.example.com"
    audience       = "api"
    keys_parameter = { name = "/keys", arn = "arn:aws:ssm:eu-central-1:111122223333:parameter/keys" }
  }
}

run "nobody_connects_without_asking_the_authorizer" {
  assert {
    condition = (
      aws_apigatewayv2_route.this["$connect"].authorization_type == "CUSTOM" && aws_apigatewayv2_authorizer.token.authorizer_type == "REQUEST" &&
      join(",", aws_apigatewayv2_authorizer.token.identity_sources) == "route.request.header.Sec-WebSocket-Protocol"
    )
    error_message = "The token must be asked for at $connect, from a header: an address is logged."
  }
}

run "each_action_has_its_route_and_an_unknown_one_is_answered" {
  assert {
    condition     = toset(keys(aws_apigatewayv2_route.this)) == toset(["$connect", "$disconnect", "$default", "ping", "send", "subscribe", "unsubscribe"])
    error_message = "Every action needs a route, and $default must answer the unknown ones."
  }
}

run "no_log_gets_a_header_or_a_message" {
  assert {
    condition = (
      !one(aws_apigatewayv2_stage.this.default_route_settings).data_trace_enabled && one(aws_apigatewayv2_stage.this.default_route_settings).logging_level == "OFF" &&
      !strcontains(one(aws_apigatewayv2_stage.this.access_log_settings).format, "header")
    )
    error_message = "Sec-WebSocket-Protocol carries the token: neither it nor messages may be logged."
  }
}

run "the_stage_is_throttled_and_its_log_ends" {
  assert {
    condition = (
      one(aws_apigatewayv2_stage.this.default_route_settings).throttling_rate_limit == 500 &&
      one(aws_apigatewayv2_stage.this.default_route_settings).throttling_burst_limit == 1000 && aws_cloudwatch_log_group.access.retention_in_days == 7
    )
    error_message = "The stage must be throttled, and its access log end."
  }
}

run "functions_talk_to_this_apis_clients_by_the_stages_address" {
  assert {
    condition     = local.environment.AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI == "https://abcd1234.execute-api.eu-central-1.amazonaws.com/live"
    error_message = "The callback address is the API's at its stage."
  }

  assert {
    condition = (
      local.own_functions["realtime-messages"].permissions.TellClients.Resource == ["arn:aws:execute-api:eu-central-1:111122223333:abcd1234/live/POST/@connections/*"] &&
      !contains(keys(local.own_functions["realtime-connect"].permissions), "TellClients")
    )
    error_message = "Who tells clients may post to this stage's connections, and nobody else may."
  }
}

run "only_this_api_may_invoke_and_only_the_aliases" {
  assert {
    condition = alltrue([
      for permission in aws_lambda_permission.api :
      permission.principal == "apigateway.amazonaws.com" && permission.qualifier == "live" && startswith(permission.source_arn, "arn:aws:execute-api:eu-central-1:111122223333:abcd1234/")
    ])
    error_message = "API Gateway may invoke for this API only."
  }
}

run "rows_end_and_are_encrypted" {
  assert {
    condition     = one(aws_dynamodb_table.connections.ttl).attribute_name == "expires_at" && one(aws_dynamodb_table.connections.ttl).enabled && one(aws_dynamodb_table.connections.server_side_encryption).enabled
    error_message = "A connection's rows must end with its token, and be encrypted."
  }
}

run "an_action_that_is_no_word_is_refused" {
  command = plan
  variables { actions = ["$default"] }
  expect_failures = [var.actions]
}

run "a_throttle_beyond_the_accounts_quota_is_refused" {
  command = plan
  variables { throttle = { rate = 20000, burst = 1000 } }
  expect_failures = [var.throttle]
}

run "a_prefix_that_can_not_be_in_names_is_refused" {
  command = plan
  variables { name_prefix = "Opsctl_Test" }
  expect_failures = [var.name_prefix]
}
