# A second line behind the security groups, by tier. Network ACLs are stateless, so answers need rules of their own:
# Linux and the load balancer send from 1024 upwards, instances (Amazon Linux) from 32768 upwards.

locals {
  anywhere = ["0.0.0.0/0"]
  app      = values(local.cidrs.private_app)
  data     = values(local.cidrs.private_data)

  public_rules = [
    { egress = false, from = local.app, first = 443, last = 443 },         # instances to a NAT gateway
    { egress = false, from = local.anywhere, first = 1024, last = 65535 }, # answers from the Internet
    { egress = true, from = local.anywhere, first = 443, last = 443 },
    { egress = true, from = local.app, first = 1024, last = 65535 },
  ]
  private_app_rules = [
    { egress = false, from = local.app, first = 443, last = 443 },          # instances to interface endpoints
    { egress = false, from = local.app, first = 1024, last = 65535 },       # load balancer to service, and answers
    { egress = false, from = local.data, first = 32768, last = 65535 },     # answers of the database
    { egress = false, from = local.anywhere, first = 32768, last = 65535 }, # answers of S3, DynamoDB and, by NAT, others
    { egress = true, from = local.anywhere, first = 443, last = 443 },
    { egress = true, from = local.app, first = 1024, last = 65535 },
    { egress = true, from = local.data, first = var.database_port, last = var.database_port },
  ]
  private_data_rules = [
    { egress = false, from = local.app, first = var.database_port, last = var.database_port },
    { egress = true, from = local.app, first = 32768, last = 65535 },
  ]

  # One rule for each address range, numbered in the order written.
  acl_rules = {
    for tier, rules in { public = local.public_rules, private_app = local.private_app_rules, private_data = local.private_data_rules } :
    tier => flatten([
      for position, rule in rules : [
        for offset, cidr in rule.from : {
          egress = rule.egress
          number = 100 + 10 * position + offset
          cidr   = cidr
          first  = rule.first
          last   = rule.last
        }
      ]
    ])
  }
  subnets_of_tier = {
    public       = [for subnet in aws_subnet.public : subnet.id]
    private_app  = [for subnet in aws_subnet.private_app : subnet.id]
    private_data = [for subnet in aws_subnet.private_data : subnet.id]
  }
}

resource "aws_network_acl" "this" {
  for_each = local.acl_rules

  vpc_id     = aws_vpc.this.id
  subnet_ids = local.subnets_of_tier[each.key]
  tags       = { Name = "${var.name_prefix}-${replace(each.key, "_", "-")}" }

  dynamic "ingress" {
    for_each = [for rule in each.value : rule if !rule.egress]
    content {
      rule_no    = ingress.value.number
      action     = "allow"
      protocol   = "tcp"
      cidr_block = ingress.value.cidr
      from_port  = ingress.value.first
      to_port    = ingress.value.last
    }
  }

  dynamic "egress" {
    for_each = [for rule in each.value : rule if rule.egress]
    content {
      rule_no    = egress.value.number
      action     = "allow"
      protocol   = "tcp"
      cidr_block = egress.value.cidr
      from_port  = egress.value.first
      to_port    = egress.value.last
    }
  }
}
