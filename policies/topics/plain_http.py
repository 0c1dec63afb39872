from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="topics/plain-http",
    title="A topic delivers over unencrypted HTTP",
    severity=Severity.HIGH,
    why="Messages, and the request that confirms the subscription, cross the network in the clear.",
    mend="Subscribe an https endpoint.",
    links=("https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html",),
    tags=("TLS",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for subscription in stack.of_type("aws_sns_topic_subscription"):
        if look(subscription, "protocol") == "http":
            yield stack.finding(RULE, subscription, f"{subscription.address} delivers over HTTP.", at="protocol")
