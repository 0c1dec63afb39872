output "id" {
  description = "The REST API's id."
  value       = aws_api_gateway_rest_api.this.id
}

output "account_logging_role_arn" {
  description = "The role by which API Gateway logs in this account and region, once it is set; null where another environment sets it."
  value       = one(aws_api_gateway_account.this[*].cloudwatch_role_arn)
}

output "stage" {
  description = "The stage's name, which is the first part of every path."
  value       = aws_api_gateway_stage.this.stage_name
}

output "invoke_url" {
  description = "The stage's own address. It answers CloudFront only."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "domain_name" {
  description = "The host that CloudFront asks."
  value       = "${aws_api_gateway_rest_api.this.id}.execute-api.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}"
}

output "execution_arn" {
  description = "First part of the ARNs of requests to this API."
  value       = aws_api_gateway_rest_api.this.execution_arn
}

output "api_key_id" {
  description = "Id of the environment's own key; `aws apigateway get-api-key --include-value` gives its value."
  value       = aws_api_gateway_api_key.default.id
}

output "usage_plan_id" {
  description = "The usage plan that holds the environment's own key."
  value       = aws_api_gateway_usage_plan.this.id
}

output "web_acl_arn" {
  description = "The web ACL before the stage."
  value       = aws_wafv2_web_acl.this.arn
}

output "access_log_group" {
  description = "Name of the log group with one JSON line for each request."
  value       = aws_cloudwatch_log_group.access.name
}

output "name" {
  description = "The REST API's name, by which CloudWatch knows it (dimension ApiName)."
  value       = aws_api_gateway_rest_api.this.name
}

output "site_api_key_id" {
  description = "Id of the page's key, which everybody may see; it has a usage plan of its own."
  value       = aws_api_gateway_api_key.site.id
}
