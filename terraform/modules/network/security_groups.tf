# Who may talk to whom: load balancer → service → database ← functions; service, functions → endpoints. Each side names
# the other's group.

resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name_prefix}-default-empty" }
}

resource "aws_security_group" "load_balancer" {
  name        = "${var.name_prefix}-load-balancer"
  description = "Internal load balancer in front of the service"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name_prefix}-load-balancer" }
}

resource "aws_security_group" "service" {
  name        = "${var.name_prefix}-service"
  description = "Instances of the service"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name_prefix}-service" }
}

resource "aws_security_group" "database" {
  name        = "${var.name_prefix}-database"
  description = "MySQL"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name_prefix}-database" }
}

resource "aws_security_group" "functions" {
  name        = "${var.name_prefix}-functions"
  description = "Functions that work on the database"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name_prefix}-functions" }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name_prefix}-endpoints"
  description = "Interface endpoints of AWS services"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name_prefix}-endpoints" }
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_service" {
  security_group_id            = aws_security_group.load_balancer.id
  referenced_security_group_id = aws_security_group.service.id
  description                  = "Requests and health checks to the service"
  ip_protocol                  = "tcp"
  from_port                    = var.service_port
  to_port                      = var.service_port
}

resource "aws_vpc_security_group_ingress_rule" "service_from_load_balancer" {
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = aws_security_group.load_balancer.id
  description                  = "Requests and health checks from the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.service_port
  to_port                      = var.service_port
}

resource "aws_vpc_security_group_egress_rule" "service_to_database" {
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = aws_security_group.database.id
  description                  = "MySQL"
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

resource "aws_vpc_security_group_ingress_rule" "database_from_service" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_security_group.service.id
  description                  = "MySQL from the service"
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

resource "aws_vpc_security_group_egress_rule" "functions_to_database" {
  security_group_id            = aws_security_group.functions.id
  referenced_security_group_id = aws_security_group.database.id
  description                  = "MySQL"
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

resource "aws_vpc_security_group_ingress_rule" "database_from_functions" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_security_group.functions.id
  description                  = "MySQL from functions that make users"
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

resource "aws_vpc_security_group_egress_rule" "functions_to_endpoints" {
  security_group_id            = aws_security_group.functions.id
  referenced_security_group_id = aws_security_group.endpoints.id
  description                  = "Secrets Manager by interface endpoint"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_functions" {
  security_group_id            = aws_security_group.endpoints.id
  referenced_security_group_id = aws_security_group.functions.id
  description                  = "AWS services for functions"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "service_to_endpoints" {
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = aws_security_group.endpoints.id
  description                  = "AWS services by interface endpoint"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_service" {
  security_group_id            = aws_security_group.endpoints.id
  referenced_security_group_id = aws_security_group.service.id
  description                  = "AWS services for the service"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "service_to_s3" {
  security_group_id = aws_security_group.service.id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  description       = "S3 by gateway endpoint: artifacts and Amazon Linux packages"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "service_to_internet" {
  count = var.nat_gateway_per_zone ? 1 : 0

  security_group_id = aws_security_group.service.id
  cidr_ipv4         = "0.0.0.0/0"
  description       = "HTTPS to the Internet through the NAT gateways"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
