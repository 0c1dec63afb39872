from __future__ import annotations

import re
from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_known, look

RULE = Rule(
    id="load-balancers/tls-policy",
    title="A listener takes old TLS",
    severity=Severity.MEDIUM,
    why="The default policy of AWS's API, and those of 2015 and 2016, take TLS 1.0 and weak ciphers.",
    mend='Set ssl_policy = "ELBSecurityPolicy-TLS13-1-2-2021-06" or newer.',
    links=("https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html",),
    tags=(
        "TLS",
        "S8",
    ),
)


GOOD = re.compile(r"TLS13-1-[23]|TLS-1-2|FS-1-2")
PLAIN_DEFAULT = "ELBSecurityPolicy-2016-08"


def find(stack: Stack) -> Iterator[Finding]:
    for listener in stack.of_type("aws_lb_listener", "aws_alb_listener"):
        if look(listener, "protocol") not in ("HTTPS", "TLS"):
            continue
        policy = look(listener, "ssl_policy", PLAIN_DEFAULT)
        if is_known(policy) and not GOOD.search(str(policy)):
            yield stack.finding(
                RULE, listener, f"{listener.address} uses {policy}, with TLS before 1.2.", at="ssl_policy"
            )
