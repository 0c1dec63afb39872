from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, is_known, look

RULE = Rule(
    id="network/nat-gateways",
    title="There are more NAT gateways than zones, or one for production's zones",
    severity=Severity.LOW,
    why=(
        "Each NAT gateway costs about 35 $ a month before its traffic; two in one zone are one too many. One for "
        "several zones in production is a single point of failure, and its traffic between zones is paid for."
    ),
    mend="Keep one for each zone in production and one elsewhere; reach AWS's services by VPC endpoints instead.",
    links=("https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html",),
    tags=("cost",),
)


def find(stack: Stack) -> Iterator[Finding]:
    by_zone: dict[str, list[Resource]] = {}
    zones = set()
    for subnet in stack.of_type("aws_subnet"):
        zones.add(str(look(subnet, "availability_zone")))
    for gateway in stack.of_type("aws_nat_gateway"):
        for subnet in stack.named(look(gateway, "subnet_id"), "aws_subnet"):
            zone = look(subnet, "availability_zone")
            if isinstance(zone, str) and is_known(zone):
                by_zone.setdefault(zone, []).append(gateway)
    for zone, gateways in by_zone.items():
        for gateway in gateways[1:]:
            yield stack.finding(RULE, gateway, f"{gateway.address} is the zone {zone}'s second NAT gateway.")
    if (
        stack.is_production
        and len(by_zone) == 1
        and len(zones) > 1
        and len(list(stack.of_type("aws_nat_gateway"))) == 1
    ):
        gateway = next(stack.of_type("aws_nat_gateway"))
        yield stack.finding(
            RULE, gateway, f"{gateway.address} alone serves {len(zones)} zones.", severity=Severity.INFO
        )
