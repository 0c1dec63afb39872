output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Public subnets, in the order of the zones. They hold NAT gateways only."
  value       = [for zone in var.availability_zones : aws_subnet.public[zone].id]
}

output "private_app_subnet_ids" {
  description = "Subnets of the load balancer and the service, in the order of the zones."
  value       = [for zone in var.availability_zones : aws_subnet.private_app[zone].id]
}

output "private_data_subnet_ids" {
  description = "Subnets of the database, in the order of the zones."
  value       = [for zone in var.availability_zones : aws_subnet.private_data[zone].id]
}

output "security_group_ids" {
  description = "The groups by who wears them: load_balancer, service, functions, database, endpoints."
  value = {
    load_balancer = aws_security_group.load_balancer.id
    service       = aws_security_group.service.id
    functions     = aws_security_group.functions.id
    database      = aws_security_group.database.id
    endpoints     = aws_security_group.endpoints.id
  }
}

output "s3_prefix_list_id" {
  description = "S3's addresses behind the gateway endpoint, for rules of security groups."
  value       = aws_vpc_endpoint.s3.prefix_list_id
}

output "flow_log_group" {
  description = "Log group of the VPC's flow logs."
  value       = aws_cloudwatch_log_group.flow_logs.name
}
