from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="account/trail",
    title="A trail doesn't see everything, or can be altered",
    severity=Severity.MEDIUM,
    why=(
        "What happens in a region without a trail, or in global services, is nowhere written down; a log that can "
        "be changed proves nothing."
    ),
    mend="Set is_multi_region_trail, include_global_service_events and enable_log_file_validation to true.",
    links=("https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html",),
    tags=(
        "account",
        "logging",
    ),
)


ASKED = (
    ("is_multi_region_trail", False, "sees one region only", Severity.MEDIUM),
    ("include_global_service_events", True, "doesn't see IAM and STS", Severity.MEDIUM),
    ("enable_log_file_validation", False, "can be altered unseen", Severity.MEDIUM),
    ("enable_logging", True, "is switched off", Severity.HIGH),
)


def find(stack: Stack) -> Iterator[Finding]:
    for trail in stack.of_type("aws_cloudtrail"):
        for name, default, what, severity in ASKED:
            if truth(look(trail, name, default)) is False:
                yield stack.finding(RULE, trail, f"{trail.address} {what}.", at=name, severity=severity)
