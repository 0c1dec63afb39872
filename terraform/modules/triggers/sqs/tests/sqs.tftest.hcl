mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/opsctl-test-order-stock" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:opsctl-test-order-stock:live" }
  }
}

variables {
  name_prefix = "opsctl-test"
  queue_arn   = "arn:aws:sqs:eu-central-1:111122223333:opsctl-test-orders"
  function = {
    name        = "order-stock"
    description = "Reserves stock."
    permissions = { KeepStock = { Action = ["dynamodb:UpdateItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/stock"] } }
  }
  function_defaults = {
    package_dir        = "/packages"
    runtime            = "python3.11"
    layer_arns         = []
    log_retention_days = 30
  }
}

run "the_alias_is_called_with_batches_and_answers_for_each_message" {
  assert {
    condition = (
      aws_lambda_event_source_mapping.this.function_name == output.function.arn && aws_lambda_event_source_mapping.this.batch_size == 10 &&
      aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
    )
    error_message = "The mapping must call the alias with up to ten messages and take partial failures."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.this.scaling_config).maximum_concurrency == 10
    error_message = "A burst must not take all of the account's concurrency."
  }
}

run "it_may_take_from_its_queue_alone_and_do_what_its_code_does" {
  assert {
    condition     = keys(local.permissions) == ["KeepStock", "TakeMessages"] && local.permissions.TakeMessages.Resource == [var.queue_arn]
    error_message = "The role must reach its own queue and what was asked for."
  }

  assert {
    condition     = !contains(local.permissions.TakeMessages.Action, "sqs:SendMessage")
    error_message = "A consumer that could send could feed itself for ever."
  }
}

run "a_batch_that_needs_a_window_is_refused" {
  command = plan
  variables { batch_size = 11 }
  expect_failures = [var.batch_size]
}

run "a_concurrency_that_lambda_does_not_take_is_refused" {
  command = plan
  variables { maximum_concurrency = 1 }
  expect_failures = [var.maximum_concurrency]
}
