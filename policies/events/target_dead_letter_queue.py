"""An event that can't be delivered is lost. A log group as a target needs none, it is where things are written
down."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="events/target-dead-letter-queue",
    title="An event that can't be delivered is lost",
    severity=Severity.LOW,
    why=(
        "EventBridge tries for 24 hours, and gives up at once where it may not call the target; without a "
        "dead-letter queue the event, or the run, is gone without a trace."
    ),
    mend="Add dead_letter_config { arn = … } to the target.",
    links=(
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html",
        "https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html",
    ),
    tags=(
        "S4",
        "S7",
        "dead-letter-queue",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for target in stack.of_type("aws_cloudwatch_event_target"):
        arn = look(target, "arn")
        is_log = any(stack.named(arn, "aws_cloudwatch_log_group")) or (isinstance(arn, str) and ":logs:" in arn)
        if not is_log and not is_written(look(target, "dead_letter_config")):
            yield stack.finding(RULE, target, f"{target.address} has no dead-letter queue.", at="dead_letter_config")
    for schedule in stack.of_type("aws_scheduler_schedule"):
        if isinstance(look(schedule, "target"), list) and not is_written(look(schedule, "target.dead_letter_config")):
            yield stack.finding(
                RULE, schedule, f"{schedule.address} has no dead-letter queue.", at="target[0].dead_letter_config"
            )
