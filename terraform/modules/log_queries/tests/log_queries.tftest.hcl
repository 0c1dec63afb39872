mock_provider "aws" {}

variables {
  name_prefix = "opsctl-test"
  functions = {
    order-stock  = { log_group = "/aws/lambda/opsctl-test-order-stock" }
    order-intake = { log_group = "/aws/lambda/opsctl-test-order-intake" }
  }
  log_groups = ["/aws/apigateway/opsctl-test", "/aws/lambda/opsctl-test-order-stock"]
}

run "every_query_asks_every_function" {
  assert {
    condition = alltrue([
      for query in aws_cloudwatch_query_definition.this :
      query.log_group_names == tolist(["/aws/apigateway/opsctl-test", "/aws/lambda/opsctl-test-order-intake", "/aws/lambda/opsctl-test-order-stock"])
    ])
    error_message = "Each query must ask all groups, each once, in an order that does not change."
  }

  assert {
    condition     = [for name, query in aws_cloudwatch_query_definition.this : query.name] == [for name in sort(keys(local.queries)) : "opsctl-test/${name}"]
    error_message = "The queries of an environment must lie in its own folder."
  }
}

run "one_id_can_be_put_into_the_query_that_follows_it" {
  assert {
    condition     = strcontains(aws_cloudwatch_query_definition.this["follow-one-id"].query_string, "filter @message like /CORRELATION-ID/") && strcontains(aws_cloudwatch_query_definition.this["follow-one-id"].query_string, "sort @timestamp asc")
    error_message = "The query must find the id in any line, and tell the story from its beginning."
  }
}

run "no_function_is_refused" {
  command = plan
  variables { functions = {} }
  expect_failures = [var.functions]
}

run "more_groups_than_insights_takes_are_refused" {
  command = plan
  variables { log_groups = [for number in range(49) : "/group/${number}"] }
  expect_failures = [var.log_groups]
}
