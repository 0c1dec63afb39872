from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack

RULE = Rule(
    id="workflows/failure-alarm",
    title="Nobody is told when a state machine fails",
    severity=Severity.MEDIUM,
    why=(
        "An execution that fails, times out or is aborted is written down and nothing else: the order or the image "
        "is stuck until somebody misses it."
    ),
    mend="Set alarms on ExecutionsFailed and ExecutionsTimedOut with the dimension StateMachineArn.",
    links=("https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html",),
    tags=(
        "alarms",
        "S10",
    ),
)


METRICS = ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted", "ExecutionsSucceeded")


def find(stack: Stack) -> Iterator[Finding]:
    for machine in stack.of_type("aws_sfn_state_machine"):
        if stack.lacks_alarm(machine, "StateMachineArn", METRICS):
            yield stack.finding(RULE, machine, f"{machine.address} has no alarm on its failures.")
