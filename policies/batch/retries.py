from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="batch/retries",
    title="A batch job is not tried again",
    severity=Severity.LOW,
    why="A Spot interruption or a host that fails ends the job, and with it that slice of the work.",
    mend="Add retry_strategy { attempts = 3 } with evaluate_on_exit.",
    links=("https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html",),
    tags=("S9",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for job in stack.of_type("aws_batch_job_definition"):
        attempts = number(look(job, "retry_strategy.attempts", 1))
        if attempts is not None and attempts < 2:
            yield stack.finding(RULE, job, f"{job.address} is tried once.", at="retry_strategy[0].attempts")
