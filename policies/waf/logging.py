from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack

RULE = Rule(
    id="waf/logging",
    title="A web application firewall logs nothing",
    severity=Severity.MEDIUM,
    why=(
        "Which rule stopped a customer, or let an attack pass, can't be told; only samples of the last three hours "
        "are kept."
    ),
    mend=(
        "Add an aws_wafv2_web_acl_logging_configuration to a log group, bucket or stream whose name begins with "
        "aws-waf-logs-."
    ),
    links=("https://docs.aws.amazon.com/waf/latest/developerguide/logging.html",),
    tags=(
        "S8",
        "WAF",
        "logging",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for acl in stack.of_type("aws_wafv2_web_acl"):
        if stack.lacks(acl, "aws_wafv2_web_acl_logging_configuration", "resource_arn"):
            yield stack.finding(RULE, acl, f"{acl.address} logs nothing.")
