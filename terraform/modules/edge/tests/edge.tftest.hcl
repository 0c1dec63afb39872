mock_provider "aws" {
  mock_resource "aws_cloudfront_distribution" {
    defaults = { arn = "arn:aws:cloudfront::111122223333:distribution/E1" }
  }
  mock_data "aws_route53_zone" {
    defaults = { zone_id = "ZPARENT" }
  }
}

mock_provider "aws" {
  alias = "us_east_1"

  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:us-east-1:111122223333:certificate/1"
      domain_validation_options = [{
        domain_name           = "test.example.com"
        resource_record_name  = "_1.test.example.com."
        resource_record_type  = "CNAME"
        resource_record_value = "_2.acm-validations.aws."
      }]
    }
  }
  mock_resource "aws_acm_certificate_validation" {
    defaults = { certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/1" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/an-acl/1" }
  }
  mock_resource "aws_wafv2_ip_set" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:global/ipset/a-set/1" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:aws-waf-logs-a-group" }
  }
}

variables {
  name_prefix       = "opsctl-test"
  site_domain       = "test.example.com"
  origin_secret     = "0123456789abcdef0123456789abcdef"
  api_domain_name   = "abc123.execute-api.eu-central-1.amazonaws.com"
  site_bucket       = { id = "site", arn = "arn:aws:s3:::site", regional_domain_name = "site.s3.eu-central-1.amazonaws.com" }
  photos_bucket     = { id = "photos", arn = "arn:aws:s3:::photos", regional_domain_name = "photos.s3.eu-central-1.amazonaws.com" }
  allowed_countries = ["DE", "IE", "US"]
}

# Few runs with many assertions: the schema of a web ACL is so deep that every run takes ten seconds.

run "what_must_hold_of_every_environment" {
  # clients speak tls 1 2 or better
  assert {
    condition     = one(aws_cloudfront_distribution.this.viewer_certificate).minimum_protocol_version == "TLSv1.2_2021"
    error_message = "Viewers must use TLS 1.2 or better."
  }

  assert {
    condition = alltrue([
      for behaviour in concat(aws_cloudfront_distribution.this.default_cache_behavior, aws_cloudfront_distribution.this.ordered_cache_behavior) :
      contains(["https-only", "redirect-to-https"], behaviour.viewer_protocol_policy)
    ])
    error_message = "Nothing may be served over plain HTTP."
  }

  assert {
    condition = alltrue(flatten([
      for origin in aws_cloudfront_distribution.this.origin : [
        for config in origin.custom_origin_config : config.origin_protocol_policy == "https-only" && toset(config.origin_ssl_protocols) == toset(["TLSv1.2"])
      ]
    ]))
    error_message = "CloudFront must speak TLS 1.2 to the API."
  }

  # the distribution is behind its web acl
  assert {
    condition     = aws_cloudfront_distribution.this.web_acl_id == aws_wafv2_web_acl.this.arn && aws_wafv2_web_acl.this.scope == "CLOUDFRONT"
    error_message = "The distribution must be behind the web ACL."
  }

  # buckets are read by this distribution only
  assert {
    condition = alltrue([
      for origin in aws_cloudfront_distribution.this.origin :
      origin.origin_access_control_id == aws_cloudfront_origin_access_control.this.id if length(origin.custom_origin_config) == 0
    ])
    error_message = "Every bucket must be asked by OAC."
  }

  assert {
    condition = alltrue([
      for policy in aws_s3_bucket_policy.this : [
        for statement in jsondecode(policy.policy).Statement : statement.Condition if statement.Effect == "Allow"
      ] == [{ StringEquals = { "aws:SourceArn" = "arn:aws:cloudfront::111122223333:distribution/E1" } }]
    ])
    error_message = "A bucket may let in this distribution and nobody else."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this["photos"].policy).Statement[0].Resource == "arn:aws:s3:::photos/thumbnails/*"
    error_message = "Originals must not be served, thumbnails only."
  }

  assert {
    condition = alltrue([
      for policy in aws_s3_bucket_policy.this : contains([
        for statement in jsondecode(policy.policy).Statement : statement.Condition if statement.Effect == "Deny"
      ], { Bool = { "aws:SecureTransport" = "false" } })
    ])
    error_message = "Buckets must refuse plain HTTP."
  }

  # the api is told that a request came through the edge
  assert {
    condition = one([
      for origin in aws_cloudfront_distribution.this.origin : one(origin.custom_header).name if origin.origin_id == "api"
    ]) == "x-origin-verify"
    error_message = "The API's origin must send the secret."
  }

  # the api is not cached and gets every header but host
  assert {
    condition = one([
      for behaviour in aws_cloudfront_distribution.this.ordered_cache_behavior : [behaviour.cache_policy_id, behaviour.origin_request_policy_id]
      if behaviour.path_pattern == "/v1/*"
    ]) == ["4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"]
    error_message = "/v1/* must use CachingDisabled and AllViewerExceptHostHeader."
  }

  # only allowed countries are served
  assert {
    condition = (
      one(one(aws_cloudfront_distribution.this.restrictions).geo_restriction).restriction_type == "whitelist" &&
      toset(one(one(aws_cloudfront_distribution.this.restrictions).geo_restriction).locations) == toset(["DE", "IE", "US"])
    )
    error_message = "The geo restriction must be an allow-list."
  }

  # what reads bodies leaves photo uploads out and nothing else
  # The label is for POST on exactly this path.
  assert {
    condition = toset([
      for statement in one([for rule in aws_wafv2_web_acl.this.rule : rule if rule.name == "label-photo-uploads"]).statement[0].and_statement[0].statement :
      "${statement.byte_match_statement[0].positional_constraint} ${statement.byte_match_statement[0].search_string}"
    ]) == toset(["EXACTLY POST", "EXACTLY /v1/photos"])
    error_message = "Only POST /v1/photos is an upload."
  }

  assert {
    condition = toset([
      for rule in aws_wafv2_web_acl.this.rule : rule.name
      if try(length(rule.statement[0].managed_rule_group_statement[0].scope_down_statement[0].not_statement[0].statement[0].label_match_statement), 0) == 1
    ]) == toset(["AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet"])
    error_message = "The managed groups that read bodies must leave uploads out; IP reputation must not."
  }

  assert {
    condition = toset([
      for rule in aws_wafv2_web_acl.this.rule : rule.name
      if try(length(rule.statement[0].or_statement[0].statement[1].and_statement[0].statement[0].not_statement[0].statement[0].label_match_statement), 0) == 1
    ]) == toset(["sql-injection", "cross-site-scripting"])
    error_message = "SQL injection and XSS must read bodies of all but uploads."
  }

  assert {
    condition = alltrue([
      for rule in aws_wafv2_web_acl.this.rule : try(length(rule.statement[0].or_statement[0].statement[0].sqli_match_statement), 0) == 1 || try(length(rule.statement[0].or_statement[0].statement[0].xss_match_statement), 0) == 1
      if contains(["sql-injection", "cross-site-scripting"], rule.name)
    ])
    error_message = "Query strings must be read for uploads too."
  }

  assert {
    condition = one([
      for rule in aws_wafv2_web_acl.this.rule : rule.statement[0].and_statement[0].statement[0].not_statement[0].statement[0].label_match_statement[0].key if rule.name == "body-size"
    ]) == "photo-upload"
    error_message = "The body's size must be limited on everything but uploads."
  }

  # every rule that is not the label blocks
  assert {
    condition = alltrue([
      for rule in aws_wafv2_web_acl.this.rule :
      length(rule.override_action) == 1 ? length(rule.override_action[0].none) == 1 : length(rule.action[0].block) == 1
      if rule.name != "label-photo-uploads"
    ])
    error_message = "No rule may merely count."
  }

  assert {
    condition = toset([for rule in aws_wafv2_web_acl.this.rule : rule.name]) == toset([
      "label-photo-uploads", "blocked-addresses", "rate-by-address", "override-headers", "uploads-are-images", "body-size", "sql-injection", "cross-site-scripting",
      "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet",
    ])
    error_message = "A rule is missing."
  }

  # keys are not in the logs
  assert {
    condition     = toset([for field in aws_wafv2_web_acl_logging_configuration.this.redacted_fields : field.single_header[0].name]) == toset(["authorization", "x-api-key"])
    error_message = "The web ACL's logs must not show keys."
  }

  # answers carry the security headers
  assert {
    condition = (
      one(one(aws_cloudfront_response_headers_policy.this.security_headers_config).strict_transport_security).access_control_max_age_sec >= 31536000 &&
      one(one(aws_cloudfront_response_headers_policy.this.security_headers_config).frame_options).frame_option == "DENY" &&
      strcontains(one(one(aws_cloudfront_response_headers_policy.this.security_headers_config).content_security_policy).content_security_policy, "default-src 'self'")
    )
    error_message = "HSTS for a year or more, no frames, and a content security policy must be sent."
  }

  assert {
    condition = alltrue([
      for behaviour in concat(aws_cloudfront_distribution.this.default_cache_behavior, aws_cloudfront_distribution.this.ordered_cache_behavior) :
      behaviour.response_headers_policy_id == aws_cloudfront_response_headers_policy.this.id
    ])
    error_message = "Every behaviour must send them."
  }

  # the name points at the distribution by both protocols
  assert {
    condition     = toset(keys(aws_route53_record.site)) == toset(["A", "AAAA"]) && alltrue([for record in aws_route53_record.site : record.alias[0].name == aws_cloudfront_distribution.this.domain_name])
    error_message = "A and AAAA must be aliases of the distribution."
  }

  # without a parent zone nothing is delegated
  assert {
    condition     = length(aws_route53_record.delegation) == 0
    error_message = "There is no zone to delegate from."
  }
}

run "what_an_environment_may_choose" {
  variables {
    parent_zone_name     = "example.com"
    blocked_ip_ranges    = ["192.0.2.0/24", "2001:db8::/32"]
    allowed_countries    = ["DE"]
    health_check_enabled = false
  }

  assert {
    condition     = aws_route53_record.delegation[0].type == "NS" && aws_route53_record.delegation[0].zone_id == "ZPARENT" && aws_route53_record.delegation[0].name == "test.example.com"
    error_message = "The parent must hold NS records for the environment's zone."
  }

  assert {
    condition     = aws_wafv2_ip_set.blocked["IPV4"].addresses == toset(["192.0.2.0/24"]) && aws_wafv2_ip_set.blocked["IPV6"].addresses == toset(["2001:db8::/32"])
    error_message = "Each range must be in the set of its kind."
  }

  assert {
    condition     = length(aws_route53_health_check.site) == 0
    error_message = "The health check must be off."
  }
}

run "values_that_could_not_work_are_refused" {
  command = plan

  variables {
    name_prefix              = "Opsctl_Test"
    site_domain              = "https://test.example.com"
    origin_secret            = "short"
    allowed_countries        = []
    blocked_ip_ranges        = ["192.0.2.7"]
    rate_limit_per_5_minutes = 1
    price_class              = "PriceClass_1"
    log_retention_days       = 0
  }

  # Every one of them must fail, or the run does.
  expect_failures = [
    var.name_prefix,
    var.site_domain,
    var.origin_secret,
    var.allowed_countries,
    var.blocked_ip_ranges,
    var.rate_limit_per_5_minutes,
    var.price_class,
    var.log_retention_days,
  ]
}

run "values_that_do_not_go_together_are_refused" {
  command = plan

  variables {
    allowed_countries = ["DE"]
    blocked_ip_ranges = ["0.0.0.0/0"]
    parent_zone_name  = "example.org"
  }

  expect_failures = [var.health_check_enabled, var.blocked_ip_ranges, var.parent_zone_name]
}
