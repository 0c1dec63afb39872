resource "aws_route53_zone" "this" {
  name    = var.site_domain
  comment = "${var.name_prefix}: one zone for each environment, so that none can touch another's records."
}

data "aws_route53_zone" "parent" {
  count = var.parent_zone_name == "" ? 0 : 1

  name         = var.parent_zone_name
  private_zone = false
}

resource "aws_route53_record" "delegation" {
  count = var.parent_zone_name == "" ? 0 : 1

  zone_id = data.aws_route53_zone.parent[0].zone_id
  name    = var.site_domain
  type    = "NS"
  ttl     = 300
  records = aws_route53_zone.this.name_servers
}

resource "aws_route53_record" "site" {
  for_each = toset(["A", "AAAA"])

  zone_id = aws_route53_zone.this.zone_id
  name    = var.site_domain
  type    = each.value

  alias {
    name                   = aws_cloudfront_distribution.this.domain_name
    zone_id                = aws_cloudfront_distribution.this.hosted_zone_id
    evaluate_target_health = false # CloudFront has no health to ask for
  }
}

resource "aws_route53_health_check" "site" {
  count = var.health_check_enabled ? 1 : 0

  type              = "HTTPS"
  fqdn              = var.site_domain
  port              = 443
  resource_path     = "/v1/health"
  request_interval  = 30
  failure_threshold = 3
  enable_sni        = true
  regions           = ["us-east-1", "us-west-2", "eu-west-1"] # three is the least; the geo restriction must let them in

  tags = {
    Name = var.site_domain
  }
}

resource "aws_acm_certificate" "this" {
  provider = aws.us_east_1

  domain_name       = var.site_domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # One name, so one record.
  validation = one(aws_acm_certificate.this.domain_validation_options)
}

resource "aws_route53_record" "certificate" {
  zone_id = aws_route53_zone.this.zone_id
  name    = local.validation.resource_record_name
  type    = local.validation.resource_record_type
  ttl     = 300
  records = [local.validation.resource_record_value]
}

resource "aws_acm_certificate_validation" "this" {
  provider = aws.us_east_1

  # It waits until the certificate is issued. Not told to wait for the record too: each record takes Route 53 half a
  # minute, and the distribution need not wait for that one where a certificate was issued before.
  certificate_arn = aws_acm_certificate.this.arn
}
