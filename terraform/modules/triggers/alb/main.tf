# Application Load Balancer ─ listener rule ─ target group of one function, with one role

module "function" {
  source = "../../function"

  name_prefix     = var.name_prefix
  name            = var.function.name
  description     = var.function.description
  defaults        = var.function_defaults
  memory_mb       = var.function.memory_mb
  timeout_seconds = var.function.timeout_seconds
  environment     = var.function.environment
  permissions     = var.function.permissions
}

resource "aws_lb_target_group" "this" {
  name        = substr("${var.name_prefix}-${var.function.name}", 0, 32)
  target_type = "lambda"

  # Headers and query strings as lists: two cookies, or ?a=1&a=2, would else be one.
  lambda_multi_value_headers_enabled = true
}

resource "aws_lambda_permission" "load_balancer" {
  statement_id  = "TheLoadBalancerInvokes"
  action        = "lambda:InvokeFunction"
  function_name = module.function.function.function_name
  qualifier     = module.function.function.alias
  principal     = "elasticloadbalancing.amazonaws.com"
  source_arn    = aws_lb_target_group.this.arn
}

resource "aws_lb_target_group_attachment" "this" {
  target_group_arn = aws_lb_target_group.this.arn
  target_id        = module.function.function.arn

  depends_on = [aws_lambda_permission.load_balancer]
}

resource "aws_lb_listener_rule" "this" {
  listener_arn = var.listener_arn
  priority     = var.priority

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }

  condition {
    path_pattern {
      values = var.paths
    }
  }

  dynamic "condition" {
    for_each = length(var.methods) == 0 ? [] : [var.methods]

    content {
      http_request_method {
        values = condition.value
      }
    }
  }
}
