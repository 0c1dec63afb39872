from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, look, truth

RULE = Rule(
    id="network/public-addresses",
    title="Hosts get public addresses by themselves",
    severity=Severity.MEDIUM,
    why="An instance with a public address is one security group rule away from the Internet.",
    mend=(
        "Leave map_public_ip_on_launch and associate_public_ip_address off; put a load balancer or NAT in the "
        "public subnet."
    ),
    links=("https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html",),
    tags=("public-access",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for subnet in stack.of_type("aws_subnet"):
        if truth(look(subnet, "map_public_ip_on_launch", False)):
            yield stack.finding(
                RULE,
                subnet,
                f"{subnet.address} gives each host a public address.",
                at="map_public_ip_on_launch",
                severity=Severity.LOW,
            )
    for host in stack.of_type("aws_instance", "aws_launch_configuration"):
        if truth(look(host, "associate_public_ip_address", False)):
            yield stack.finding(RULE, host, f"{host.address} has a public address.", at="associate_public_ip_address")
    for template in stack.of_type("aws_launch_template"):
        for index, interface in enumerate(blocks(template, "network_interfaces")):
            if truth(look(interface, "associate_public_ip_address", False)):
                yield stack.finding(
                    RULE,
                    template,
                    f"{template.address} gives its hosts public addresses.",
                    at=f"network_interfaces[{index}].associate_public_ip_address",
                )
