"""An alarm rings nowhere. An alarm that a composite alarm, a deployment, an autoscaling policy or a state machine
reads needs none itself. Nor does one that another resource names."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, texts_in, truth

RULE = Rule(
    id="alarms/without-action",
    title="An alarm rings nowhere",
    severity=Severity.MEDIUM,
    why="An alarm without an action turns red on a page that nobody looks at.",
    mend="Set alarm_actions to a topic, or use the alarm in a composite alarm that has some.",
    links=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html",),
    tags=("alarms",),
)


READERS = (
    ("aws_cloudwatch_composite_alarm", "alarm_rule"),
    ("aws_codedeploy_deployment_group", "alarm_configuration"),
    ("aws_route53_health_check", "cloudwatch_alarm_name"),
    ("aws_ecs_service", "alarms"),
    ("aws_autoscaling_group", "instance_refresh"),
    ("aws_cloudwatch_event_rule", "event_pattern"),
)


def find(stack: Stack) -> Iterator[Finding]:
    composites = " ".join(
        text for kind, path in READERS for each in stack.of_type(kind) for text in texts_in(look(each, path))
    )
    read = {each.address for each in stack.referenced(composites)}
    for alarm in stack.of_type("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm"):
        acts = any(
            is_written(look(alarm, name)) for name in ("alarm_actions", "ok_actions", "insufficient_data_actions")
        )
        enabled = truth(look(alarm, "actions_enabled", True))
        name = look(alarm, "alarm_name")
        # An event rule on alarms' changes of state hears every alarm.
        named = (
            alarm.address in read
            or "CloudWatch Alarm State Change" in composites
            or (isinstance(name, str) and name in composites)
        )
        if (not acts or enabled is False) and not named:
            yield stack.finding(RULE, alarm, f"{alarm.address} tells nobody.", at="alarm_actions")
