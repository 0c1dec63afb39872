from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.machines import judged
from opsctl.policy.rule import Stack

RULE = Rule(
    id="workflows/express-wait",
    title="An Express state machine waits for a job or a token",
    severity=Severity.HIGH,
    why="Express workflows end after five minutes and have no .sync, callback or activity: AWS refuses the definition.",
    mend="Make it a STANDARD one, or take that part out into a Standard machine that it starts.",
    links=("https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html",),
    tags=(
        "S10",
        "S11",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for machine, sentence in judged(stack, "express"):
        yield stack.finding(RULE, machine, sentence, at="type")
