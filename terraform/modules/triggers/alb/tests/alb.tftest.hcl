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
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/worker/0123456789abcdef" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  listener_arn      = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/a/0123456789abcdef/0123456789abcdef"
  priority          = 10
  paths             = ["/reports/*"]
  function          = { name = "worker", description = "Works." }
  function_defaults = { package_dir = "/packages", runtime = "python3.11", layer_arns = [], log_retention_days = 7 }
}

run "only_this_target_group_may_invoke_the_alias" {
  assert {
    condition = (
      aws_lambda_permission.load_balancer.source_arn == aws_lb_target_group.this.arn && aws_lambda_permission.load_balancer.qualifier == "live" &&
      aws_lambda_permission.load_balancer.principal == "elasticloadbalancing.amazonaws.com" && endswith(aws_lb_target_group_attachment.this.target_id, ":live")
    )
    error_message = "The load balancer may invoke for this target group only, and only the alias."
  }
}

run "lists_of_headers_stay_lists" {
  assert {
    condition     = aws_lb_target_group.this.target_type == "lambda" && aws_lb_target_group.this.lambda_multi_value_headers_enabled
    error_message = "Two headers of one name must both arrive."
  }
}

run "a_network_load_balancer_is_refused" {
  command = plan
  variables { listener_arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/net/a/0123456789abcdef/0123456789abcdef" }
  expect_failures = [var.listener_arn]
}

run "a_path_without_a_slash_is_refused" {
  command = plan
  variables { paths = ["reports"] }
  expect_failures = [var.paths]
}

run "a_priority_that_no_listener_takes_is_refused" {
  command = plan
  variables { priority = 0 }
  expect_failures = [var.priority]
}
