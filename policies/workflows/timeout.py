from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.machines import judged
from opsctl.policy.rule import Stack

RULE = Rule(
    id="workflows/timeout",
    title="A state machine, or a task of it, can wait for ever",
    severity=Severity.MEDIUM,
    why=(
        "A Standard execution may take a year. A task whose worker died, or a callback that nobody sends, hangs "
        "that long, unseen by alarms on failures."
    ),
    mend=(
        "Set TimeoutSeconds on the machine and on each task that runs a function, a job or waits for a token (there "
        "HeartbeatSeconds, too)."
    ),
    links=("https://docs.aws.amazon.com/step-functions/latest/dg/sfn-stuck-execution.html",),
    tags=(
        "S10",
        "timeouts",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for machine, sentence in judged(stack, "machine-timeout", "task-timeout", "callback-timeout"):
        yield stack.finding(RULE, machine, sentence, at="definition")
