from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="alarms/missing-data",
    title="An alarm on failures falls silent when data does",
    severity=Severity.INFO,
    why=(
        'With the default, "missing", an alarm whose metric stops goes to INSUFFICIENT_DATA: a service that is down '
        "altogether looks like a quiet one."
    ),
    mend="Set treat_missing_data: notBreaching for counts of errors, breaching for heartbeats.",
    links=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html",),
    tags=("alarms",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for alarm in stack.of_type("aws_cloudwatch_metric_alarm"):
        if look(alarm, "treat_missing_data", "missing") == "missing":
            yield stack.finding(
                RULE, alarm, f"{alarm.address} doesn't say what missing data means.", at="treat_missing_data"
            )
