from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.machines import judged
from opsctl.policy.rule import Stack

RULE = Rule(
    id="workflows/catch",
    title="A failing task has nowhere to go",
    severity=Severity.MEDIUM,
    why="When the last retry fails, the execution ends where it stands: nothing is undone, nobody is told.",
    mend=(
        "Give tasks that run functions or wait a Catch that compensates or notifies; or put a Catch on the Map or "
        "Parallel around them."
    ),
    links=("https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html",),
    tags=(
        "S6",
        "S7",
        "S10",
        "S11",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for machine, sentence in judged(stack, "task-catch"):
        yield stack.finding(RULE, machine, sentence, at="definition")
