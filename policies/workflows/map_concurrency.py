from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.machines import judged
from opsctl.policy.rule import Stack

RULE = Rule(
    id="workflows/map-concurrency",
    title="A Map works off all its items at once",
    severity=Severity.LOW,
    why=(
        "Without MaxConcurrency a long list becomes as many calls at once as AWS allows; what it calls is "
        "throttled, and so is everybody else who calls it."
    ),
    mend="Set MaxConcurrency on the Map state.",
    links=("https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html",),
    tags=(
        "S10",
        "concurrency",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for machine, sentence in judged(stack, "map-concurrency"):
        yield stack.finding(RULE, machine, sentence, at="definition")
