from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="batch/timeout",
    title="A batch job can run for ever",
    severity=Severity.MEDIUM,
    why="A job that hangs keeps its host, which is paid for, and the queue behind it waits.",
    mend="Add timeout { attempt_duration_seconds = … }.",
    links=("https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html",),
    tags=(
        "S9",
        "timeouts",
        "cost",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for job in stack.of_type("aws_batch_job_definition"):
        if not is_written(look(job, "timeout.attempt_duration_seconds")):
            yield stack.finding(RULE, job, f"{job.address} has no timeout.", at="timeout")
