output "url" {
  description = "The environment's address."
  value       = "https://${var.site_domain}"
}

output "domain_name" {
  description = "The environment's host."
  value       = var.site_domain
}

output "distribution_id" {
  description = "The CloudFront distribution, for invalidations."
  value       = aws_cloudfront_distribution.this.id
}

output "distribution_arn" {
  description = "ARN of the CloudFront distribution."
  value       = aws_cloudfront_distribution.this.arn
}

output "distribution_domain_name" {
  description = "CloudFront's own name for the distribution."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "web_acl_arn" {
  description = "The web ACL before the distribution."
  value       = aws_wafv2_web_acl.this.arn
}

output "waf_log_group" {
  description = "Name of the log group (us-east-1) of the web ACL's decisions."
  value       = aws_cloudwatch_log_group.waf.name
}

output "zone_id" {
  description = "The hosted zone of site_domain."
  value       = aws_route53_zone.this.zone_id
}

output "name_servers" {
  description = "What the parent zone's NS record must hold when parent_zone_name is empty."
  value       = aws_route53_zone.this.name_servers
}

output "certificate_arn" {
  description = "The validated certificate, in us-east-1."
  value       = aws_acm_certificate_validation.this.certificate_arn
}

output "health_check_id" {
  description = "Route 53's health check of /v1/health; null when it is off."
  value       = one(aws_route53_health_check.site[*].id)
}
