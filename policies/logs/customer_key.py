"""A log group isn't encrypted by a key of yours. Asked for only where the setting `log_customer_key` says so, or
where the configuration has a key that some log groups use and others don't."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="logs/customer-key",
    title="A log group isn't encrypted by a key of yours",
    severity=Severity.INFO,
    why=(
        "CloudWatch encrypts logs by itself with its own key. Where logs hold personal data or payments, a key of "
        "your own says who may read them and can be revoked."
    ),
    mend="Set kms_key_id to a key whose policy lets logs.<region>.amazonaws.com use it.",
    links=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",),
    tags=(
        "encryption",
        "logging",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    groups = list(stack.of_type("aws_cloudwatch_log_group"))
    with_key = [group for group in groups if is_written(look(group, "kms_key_id"))]
    if not with_key and not stack.settings.get("log_customer_key"):
        return
    for group in groups:
        if not is_written(look(group, "kms_key_id")):
            yield stack.finding(RULE, group, f"{group.address} isn't encrypted by a key of yours.", at="kms_key_id")
