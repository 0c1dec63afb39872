mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/opsctl-test-flow-logs" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:flow-logs" }
  }
}

variables {
  name_prefix        = "opsctl-test"
  vpc_cidr           = "10.20.0.0/16"
  availability_zones = ["eu-central-1a", "eu-central-1b"]
}

run "three_tiers_span_two_zones_and_do_not_overlap" {
  assert {
    condition = alltrue([
      for subnets in [aws_subnet.public, aws_subnet.private_app, aws_subnet.private_data] :
      toset(keys(subnets)) == toset(["eu-central-1a", "eu-central-1b"])
    ])
    error_message = "Each tier must have a subnet in each of the two zones."
  }

  assert {
    condition     = length(distinct(flatten([for tier in values(local.cidrs) : values(tier)]))) == 6
    error_message = "The six subnets must have six ranges."
  }

  assert {
    condition     = alltrue(flatten([for subnets in [aws_subnet.public, aws_subnet.private_app, aws_subnet.private_data] : [for subnet in subnets : !subnet.map_public_ip_on_launch]]))
    error_message = "No subnet may give out public addresses by itself."
  }
}

run "private_tiers_have_no_way_to_the_internet" {
  assert {
    condition     = aws_route.internet.route_table_id == aws_route_table.public.id && aws_route_table.public.id != aws_route_table.private_data.id
    error_message = "Only the public route table may lead to the Internet gateway."
  }

  assert {
    condition     = length(aws_route.nat) == 0 && length(aws_nat_gateway.this) == 0 && length(aws_vpc_security_group_egress_rule.service_to_internet) == 0
    error_message = "There is no NAT gateway, nor a rule for it, unless one is asked for."
  }

  assert {
    condition     = alltrue([for association in aws_route_table_association.private_data : association.route_table_id == aws_route_table.private_data.id])
    error_message = "The data tier must use its own route table, which has no route."
  }
}

run "nat_gateways_stand_in_each_zone_when_asked_for" {
  variables {
    nat_gateway_per_zone = true
  }

  assert {
    condition     = toset(keys(aws_nat_gateway.this)) == toset(var.availability_zones)
    error_message = "One NAT gateway in each zone."
  }

  assert {
    condition     = alltrue([for zone, route in aws_route.nat : route.route_table_id == aws_route_table.private_app[zone].id && route.nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "Each zone must leave through its own NAT gateway."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.service_to_internet) == 1
    error_message = "With NAT gateways the service may open HTTPS connections outwards."
  }
}

run "security_groups_name_each_other_instead_of_addresses" {
  assert {
    condition = alltrue([
      for rule in [
        aws_vpc_security_group_ingress_rule.service_from_load_balancer,
        aws_vpc_security_group_ingress_rule.database_from_service,
        aws_vpc_security_group_ingress_rule.endpoints_from_service,
        aws_vpc_security_group_ingress_rule.database_from_functions,
        aws_vpc_security_group_ingress_rule.endpoints_from_functions,
        aws_vpc_security_group_egress_rule.functions_to_database,
        aws_vpc_security_group_egress_rule.functions_to_endpoints,
        aws_vpc_security_group_egress_rule.load_balancer_to_service,
        aws_vpc_security_group_egress_rule.service_to_database,
        aws_vpc_security_group_egress_rule.service_to_endpoints,
      ] : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.ip_protocol == "tcp" && rule.from_port == rule.to_port
    ])
    error_message = "Rules must name a group and one port."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.database_from_service.security_group_id == aws_security_group.database.id
      && aws_vpc_security_group_ingress_rule.database_from_service.referenced_security_group_id == aws_security_group.service.id
      && aws_vpc_security_group_ingress_rule.database_from_service.from_port == 3306
    )
    error_message = "The database must let in the service, on 3306."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.service_from_load_balancer.security_group_id == aws_security_group.service.id
      && aws_vpc_security_group_ingress_rule.service_from_load_balancer.referenced_security_group_id == aws_security_group.load_balancer.id
    )
    error_message = "The service must let in the load balancer alone."
  }
}

run "functions_reach_the_database_and_endpoints_and_nobody_reaches_them" {
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.database_from_functions.security_group_id == aws_security_group.database.id
      && aws_vpc_security_group_ingress_rule.database_from_functions.referenced_security_group_id == aws_security_group.functions.id
      && aws_vpc_security_group_egress_rule.functions_to_database.security_group_id == aws_security_group.functions.id
      && aws_vpc_security_group_egress_rule.functions_to_database.from_port == 3306
    )
    error_message = "Functions must reach the database, on 3306."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.endpoints_from_functions.security_group_id == aws_security_group.endpoints.id
      && aws_vpc_security_group_egress_rule.functions_to_endpoints.referenced_security_group_id == aws_security_group.endpoints.id
      && contains(keys(aws_vpc_endpoint.interface), "secretsmanager")
    )
    error_message = "Functions must reach Secrets Manager by its interface endpoint."
  }
}

run "the_default_security_group_lets_nothing_through" {
  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0 && length(aws_default_security_group.this.egress) == 0
    error_message = "The default security group must have no rules."
  }
}

run "the_data_tier_hears_the_app_tier_on_the_database_port_alone" {
  assert {
    condition = alltrue([
      for rule in aws_network_acl.this["private_data"].ingress :
      rule.from_port == 3306 && rule.to_port == 3306 && contains(values(local.cidrs.private_app), rule.cidr_block)
    ]) && length(aws_network_acl.this["private_data"].ingress) == 2
    error_message = "Into the data tier: MySQL from the two app subnets."
  }

  assert {
    condition     = alltrue([for rule in aws_network_acl.this["private_data"].egress : contains(values(local.cidrs.private_app), rule.cidr_block)])
    error_message = "Out of the data tier: answers to the app subnets."
  }

  assert {
    condition     = toset(keys(aws_network_acl.this)) == toset(["public", "private_app", "private_data"])
    error_message = "Each tier must have a network ACL of its own."
  }
}

run "flow_logs_see_all_traffic_and_end" {
  variables {
    log_retention_days = 14
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_flow_log.this.vpc_id == aws_vpc.this.id
    error_message = "Flow logs must record the whole VPC, accepted and rejected."
  }

  assert {
    condition     = aws_cloudwatch_log_group.flow_logs.retention_in_days == 14
    error_message = "Flow logs must end when the environment says."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.flow_logs.policy).Statement[0].Resource == "${aws_cloudwatch_log_group.flow_logs.arn}:*"
    error_message = "The flow logs' role may write its own log group alone."
  }
}

run "endpoints_serve_this_account_alone" {
  assert {
    condition = alltrue([
      for endpoint in concat([aws_vpc_endpoint.s3, aws_vpc_endpoint.dynamodb], values(aws_vpc_endpoint.interface)) : alltrue([
        for statement in jsondecode(endpoint.policy).Statement :
        try(statement.Condition.StringEquals["aws:PrincipalAccount"] == "111122223333", false) || statement.Action == "s3:GetObject"
      ])
    ])
    error_message = "An endpoint must refuse other accounts' credentials; packages are read, nothing else."
  }

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled && endpoint.security_group_ids == toset([aws_security_group.endpoints.id])])
    error_message = "Interface endpoints must answer under AWS's own names, to those that their group lets in."
  }
}

run "a_vpc_that_is_too_small_is_refused" {
  command = plan
  variables {
    vpc_cidr = "10.0.0.0/25"
  }
  expect_failures = [var.vpc_cidr]
}

run "what_is_no_address_range_is_refused" {
  command = plan
  variables {
    vpc_cidr = "ten"
  }
  expect_failures = [var.vpc_cidr]
}

run "one_zone_twice_is_refused" {
  command = plan
  variables {
    availability_zones = ["eu-central-1a", "eu-central-1a"]
  }
  expect_failures = [var.availability_zones]
}

run "a_second_endpoint_for_s3_is_refused" {
  command = plan
  variables {
    interface_endpoints = ["s3"]
  }
  expect_failures = [var.interface_endpoints]
}

run "an_endpoint_by_its_full_name_is_refused" {
  command = plan
  variables {
    interface_endpoints = ["com.amazonaws.eu-central-1/logs"]
  }
  expect_failures = [var.interface_endpoints]
}

run "a_name_that_aws_would_refuse_is_refused" {
  command = plan
  variables {
    name_prefix = "Opsctl_Test"
  }
  expect_failures = [var.name_prefix]
}

run "a_privileged_service_port_is_refused" {
  command = plan
  variables {
    service_port = 80
  }
  expect_failures = [var.service_port]
}

run "a_database_port_among_those_of_outgoing_connections_is_refused" {
  command = plan
  variables {
    database_port = 40000
  }
  expect_failures = [var.database_port]
}

run "logs_that_never_end_are_refused" {
  command = plan
  variables {
    log_retention_days = 0
  }
  expect_failures = [var.log_retention_days]
}
