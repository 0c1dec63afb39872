output "load_balancer" {
  description = "The internal load balancer: arn, arn_suffix (its CloudWatch dimension), dns_name, url (http, with the port, no slash at the end)."
  value = {
    arn        = aws_lb.this.arn
    arn_suffix = aws_lb.this.arn_suffix
    dns_name   = aws_lb.this.dns_name
    url        = "http://${aws_lb.this.dns_name}:${aws_lb_listener.this.port}"
  }
}

output "target_group" {
  description = "The target group: arn, arn_suffix (its CloudWatch dimension)."
  value = {
    arn        = aws_lb_target_group.this.arn
    arn_suffix = aws_lb_target_group.this.arn_suffix
  }
}

output "autoscaling_group" {
  description = "Name of the Auto Scaling group."
  value       = aws_autoscaling_group.this.name
}

output "launch_template_id" {
  description = "Launch template whose default version the group runs."
  value       = aws_launch_template.this.id
}

output "artifact_bucket" {
  description = "Bucket for artifacts, as service/<sha256>.jar."
  value       = aws_s3_bucket.artifacts.id
}

output "artifact_parameter" {
  description = "SSM parameter with the SHA-256 of the artifact that runs."
  value       = aws_ssm_parameter.artifact.name
}

output "log_group" {
  description = "Log group of the service."
  value       = aws_cloudwatch_log_group.this.name
}

output "role_arn" {
  description = "Role of the instances."
  value       = aws_iam_role.this.arn
}
