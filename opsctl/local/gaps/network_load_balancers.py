"""Elastic Load Balancing: a Network Load Balancer's ARN says `net/` and its DNS name is a network one's.

moto gives every load balancer the ARN and the name of an application one; CloudWatch's `LoadBalancer` dimension is cut
out of the ARN, so alarms would watch a balancer that does not exist. It also forgets whether security groups hold for
PrivateLink's traffic.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from opsctl.local.gaps.gap import Gap

ENFORCED = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"


class NetworkLoadBalancers(Gap):
    async def install(self) -> None:
        from moto.elbv2 import models
        from moto.elbv2.responses import ELBV2Response

        asked = threading.local()
        create, make_arn = models.ELBv2Backend.create_load_balancer, models.make_arn_for_load_balancer

        @functools.wraps(create)
        def create_load_balancer(backend: Any, *arguments: Any, **named: Any) -> Any:
            asked.network = named.get("loadbalancer_type") == "network"
            made = create(backend, *arguments, **named)
            if asked.network:
                made.dns_name = f"{made.name}-{made.arn.rpartition('/')[2]}.elb.{backend.region_name}.amazonaws.com"
            return made

        def make_arn_for_load_balancer(*arguments: Any, **named: Any) -> str:
            arn: str = make_arn(*arguments, **named)
            return arn.replace(":loadbalancer/app/", ":loadbalancer/net/") if asked.network else arn

        set_groups = ELBV2Response.set_security_groups

        def set_security_groups(response: Any) -> Any:
            result = set_groups(response)
            enforced = response._get_param(ENFORCED)
            if enforced:
                balancer = response.elbv2_backend.load_balancers[response._get_param("LoadBalancerArn")]
                balancer.enforce_security_group_inbound_rules_on_private_link_traffic = enforced
            return result

        ELBV2Response.set_security_groups = set_security_groups
        models.ELBv2Backend.create_load_balancer = create_load_balancer
        models.make_arn_for_load_balancer = make_arn_for_load_balancer
