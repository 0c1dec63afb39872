locals {
  # Credentials of another account, brought in by an intruder, can't carry data out through these endpoints.
  own_account_only = {
    Sid       = "OwnAccountOnly"
    Effect    = "Allow"
    Principal = { AWS = "*" }
    Action    = "*"
    Resource  = "*"
    Condition = { StringEquals = { "aws:PrincipalAccount" = data.aws_caller_identity.current.account_id } }
  }
  # Amazon Linux's package repositories lie in S3, are read without credentials, and belong to AWS.
  amazon_linux_packages = {
    Sid       = "AmazonLinuxPackages"
    Effect    = "Allow"
    Principal = { AWS = "*" }
    Action    = "s3:GetObject"
    Resource  = "arn:aws:s3:::al2023-repos-${data.aws_region.current.id}-de612dc2/*"
  }
  # Layers of container images lie in S3, behind URLs that ECR signs as itself. Source: "Amazon ECR interface VPC endpoints".
  container_image_layers = {
    Sid       = "ContainerImageLayers"
    Effect    = "Allow"
    Principal = { AWS = "*" }
    Action    = "s3:GetObject"
    Resource  = "arn:aws:s3:::prod-${data.aws_region.current.id}-starport-layer-bucket/*"
  }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${data.aws_region.current.id}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private_app : table.id]
  policy            = jsonencode({ Version = "2012-10-17", Statement = [local.own_account_only, local.amazon_linux_packages, local.container_image_layers] })
  tags              = { Name = "${var.name_prefix}-s3" }
}

resource "aws_vpc_endpoint" "dynamodb" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${data.aws_region.current.id}.dynamodb"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private_app : table.id]
  policy            = jsonencode({ Version = "2012-10-17", Statement = [local.own_account_only] })
  tags              = { Name = "${var.name_prefix}-dynamodb" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${data.aws_region.current.id}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private_app : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  policy              = jsonencode({ Version = "2012-10-17", Statement = [local.own_account_only] })
  tags                = { Name = "${var.name_prefix}-${each.key}" }
}
