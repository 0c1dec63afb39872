from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_known, is_written, look

RULE = Rule(
    id="events/scheduled-rule",
    title="A schedule is an EventBridge rule",
    severity=Severity.LOW,
    why=(
        "Scheduled rules are the older way: no time zones or daylight saving, no flexible window, no retry policy "
        "and dead-letter queue of the schedule itself, 300 for each bus. AWS recommends EventBridge Scheduler."
    ),
    mend="Make it an aws_scheduler_schedule.",
    links=(
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html",
        "https://docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html",
    ),
    tags=("S5",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for rule in stack.of_type("aws_cloudwatch_event_rule"):
        schedule = look(rule, "schedule_expression")
        # One that isn't known may be null where there is a pattern.
        if is_written(schedule) and (is_known(schedule) or not is_written(look(rule, "event_pattern"))):
            yield stack.finding(RULE, rule, f"{rule.address} is a scheduled rule.", at="schedule_expression")
