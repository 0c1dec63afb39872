from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="compute/metadata-hops",
    title="Containers on an instance can read its role's credentials",
    severity=Severity.LOW,
    why=(
        "With a hop limit above 1 the metadata service answers containers behind a bridge as well: each has the "
        "instance's role."
    ),
    mend=(
        "Set http_put_response_hop_limit = 1, and give containers roles of their own; 2 is needed where containers "
        "must ask."
    ),
    links=("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html",),
    tags=(
        "S8",
        "IMDSv2",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for host in stack.of_type("aws_instance", "aws_launch_template", "aws_launch_configuration"):
        hops = number(look(host, "metadata_options.http_put_response_hop_limit", 1))
        if hops is not None and hops > 1 and look(host, "metadata_options.http_endpoint", "enabled") != "disabled":
            yield stack.finding(
                RULE,
                host,
                f"{host.address} answers {hops:g} hops away.",
                at="metadata_options[0].http_put_response_hop_limit",
            )
