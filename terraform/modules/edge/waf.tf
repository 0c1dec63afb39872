# Rules run in the order of their priority. A photo is binary, so rules that read bodies would find attacks in it:
# the first rule labels an upload, and whatever reads bodies looks at what has no label. Everything else about an
# upload (address, rate, headers, query) is looked at as of any request.

locals {
  upload_label = "photo-upload"

  # Twice, since what is decoded twice on its way to a query must not pass for being encoded twice.
  decoding = ["URL_DECODE", "URL_DECODE", "HTML_ENTITY_DECODE"]

  managed_rule_groups = {
    AWSManagedRulesAmazonIpReputationList = { priority = 20, reads_bodies = false }
    AWSManagedRulesKnownBadInputsRuleSet  = { priority = 21, reads_bodies = true }
    AWSManagedRulesCommonRuleSet          = { priority = 22, reads_bodies = true }
    AWSManagedRulesSQLiRuleSet            = { priority = 23, reads_bodies = true }
  }

  blocked_ip_ranges = {
    IPV4 = [for range in var.blocked_ip_ranges : range if !strcontains(range, ":")]
    IPV6 = [for range in var.blocked_ip_ranges : range if strcontains(range, ":")]
  }
}

resource "aws_wafv2_ip_set" "blocked" {
  for_each = local.blocked_ip_ranges
  provider = aws.us_east_1

  name               = "${var.name_prefix}-blocked-${lower(each.key)}"
  scope              = "CLOUDFRONT"
  ip_address_version = each.key
  addresses          = each.value
}

resource "aws_wafv2_web_acl" "this" {
  provider = aws.us_east_1

  name        = "${var.name_prefix}-edge"
  description = "Before everything that clients can reach."
  scope       = "CLOUDFRONT"

  default_action {
    allow {}
  }

  rule {
    name     = "label-photo-uploads"
    priority = 0

    action {
      count {}
    }

    rule_label {
      name = local.upload_label
    }

    statement {
      and_statement {
        statement {
          byte_match_statement {
            search_string         = "/v1/photos"
            positional_constraint = "EXACTLY"

            field_to_match {
              uri_path {}
            }

            text_transformation {
              priority = 0
              type     = "NONE" # any other spelling of the path is no upload, and is read whole
            }
          }
        }

        statement {
          byte_match_statement {
            search_string         = "POST"
            positional_constraint = "EXACTLY"

            field_to_match {
              method {}
            }

            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "label-photo-uploads"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "blocked-addresses"
    priority = 1

    action {
      block {}
    }

    statement {
      or_statement {
        statement {
          ip_set_reference_statement {
            arn = aws_wafv2_ip_set.blocked["IPV4"].arn
          }
        }

        statement {
          ip_set_reference_statement {
            arn = aws_wafv2_ip_set.blocked["IPV6"].arn
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "blocked-addresses"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "rate-by-address"
    priority = 2

    action {
      block {
        custom_response {
          response_code = 429
        }
      }
    }

    statement {
      rate_based_statement {
        limit                 = var.rate_limit_per_5_minutes
        evaluation_window_sec = 300
        aggregate_key_type    = "IP"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "rate-by-address"
      sampled_requests_enabled   = true
    }
  }

  # Some frameworks let these headers replace the method or the path that the rules have looked at.
  rule {
    name     = "override-headers"
    priority = 3

    action {
      block {}
    }

    statement {
      or_statement {
        dynamic "statement" {
          for_each = ["x-http-method-override", "x-original-url", "x-rewrite-url"]

          content {
            size_constraint_statement {
              comparison_operator = "GT"
              size                = 0

              field_to_match {
                single_header {
                  name = statement.value
                }
              }

              text_transformation {
                priority = 0
                type     = "NONE"
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "override-headers"
      sampled_requests_enabled   = true
    }
  }

  # The price of not reading an upload's body: it must at least say that it is an image.
  rule {
    name     = "uploads-are-images"
    priority = 4

    action {
      block {
        custom_response {
          response_code = 415
        }
      }
    }

    statement {
      and_statement {
        statement {
          label_match_statement {
            scope = "LABEL"
            key   = local.upload_label
          }
        }

        statement {
          not_statement {
            statement {
              regex_match_statement {
                regex_string = "^image/(jpeg|png|webp)$"

                field_to_match {
                  single_header {
                    name = "content-type"
                  }
                }

                text_transformation {
                  priority = 0
                  type     = "LOWERCASE"
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "uploads-are-images"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "body-size"
    priority = 5

    action {
      block {
        custom_response {
          response_code = 413
        }
      }
    }

    statement {
      and_statement {
        statement {
          not_statement {
            statement {
              label_match_statement {
                scope = "LABEL"
                key   = local.upload_label
              }
            }
          }
        }

        statement {
          size_constraint_statement {
            comparison_operator = "GT"
            size                = 8192

            field_to_match {
              body {
                oversize_handling = "MATCH"
              }
            }

            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "body-size"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "sql-injection"
    priority = 6

    action {
      block {}
    }

    statement {
      or_statement {
        statement {
          sqli_match_statement {
            sensitivity_level = "HIGH"

            field_to_match {
              all_query_arguments {}
            }

            dynamic "text_transformation" {
              for_each = local.decoding

              content {
                priority = text_transformation.key
                type     = text_transformation.value
              }
            }
          }
        }

        statement {
          and_statement {
            statement {
              not_statement {
                statement {
                  label_match_statement {
                    scope = "LABEL"
                    key   = local.upload_label
                  }
                }
              }
            }

            statement {
              sqli_match_statement {
                sensitivity_level = "LOW" # HIGH takes harmless texts for SQL

                field_to_match {
                  # Value by value: in the middle of a JSON text an attack is not seen. Other bodies are read whole.
                  json_body {
                    match_scope               = "ALL"
                    invalid_fallback_behavior = "EVALUATE_AS_STRING"
                    oversize_handling         = "CONTINUE"

                    match_pattern {
                      all {}
                    }
                  }
                }

                dynamic "text_transformation" {
                  for_each = local.decoding

                  content {
                    priority = text_transformation.key
                    type     = text_transformation.value
                  }
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "sql-injection"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "cross-site-scripting"
    priority = 7

    action {
      block {}
    }

    statement {
      or_statement {
        statement {
          xss_match_statement {
            field_to_match {
              all_query_arguments {}
            }

            dynamic "text_transformation" {
              for_each = local.decoding

              content {
                priority = text_transformation.key
                type     = text_transformation.value
              }
            }
          }
        }

        statement {
          and_statement {
            statement {
              not_statement {
                statement {
                  label_match_statement {
                    scope = "LABEL"
                    key   = local.upload_label
                  }
                }
              }
            }

            statement {
              xss_match_statement {
                field_to_match {
                  # Value by value: in the middle of a JSON text an attack is not seen. Other bodies are read whole.
                  json_body {
                    match_scope               = "ALL"
                    invalid_fallback_behavior = "EVALUATE_AS_STRING"
                    oversize_handling         = "CONTINUE"

                    match_pattern {
                      all {}
                    }
                  }
                }

                dynamic "text_transformation" {
                  for_each = local.decoding

                  content {
                    priority = text_transformation.key
                    type     = text_transformation.value
                  }
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "cross-site-scripting"
      sampled_requests_enabled   = true
    }
  }

  dynamic "rule" {
    for_each = local.managed_rule_groups

    content {
      name     = rule.key
      priority = rule.value.priority

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key

          dynamic "scope_down_statement" {
            for_each = rule.value.reads_bodies ? [local.upload_label] : []

            content {
              not_statement {
                statement {
                  label_match_statement {
                    scope = "LABEL"
                    key   = scope_down_statement.value
                  }
                }
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.key
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${var.name_prefix}-edge"
    sampled_requests_enabled   = true
  }
}

resource "aws_cloudwatch_log_group" "waf" {
  provider = aws.us_east_1

  name              = "aws-waf-logs-${var.name_prefix}-edge" # WAF writes to groups of this name only
  retention_in_days = var.log_retention_days
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  provider = aws.us_east_1

  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.waf.arn]

  dynamic "redacted_fields" {
    for_each = ["authorization", "x-api-key"]

    content {
      single_header {
        name = redacted_fields.value
      }
    }
  }
}
