from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack

RULE = Rule(
    id="functions/error-alarm",
    title="Nobody is told when a function fails",
    severity=Severity.MEDIUM,
    why="A function's errors are seen by its caller at most; asynchronous ones are retried and dropped without a word.",
    mend="Set an alarm on the metric Errors of AWS/Lambda with the dimension FunctionName.",
    links=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html",),
    tags=("alarms",),
)


METRICS = ("Errors", "Availability", "DeadLetterErrors", "AsyncEventsDropped", "Throttles", "Duration")


def find(stack: Stack) -> Iterator[Finding]:
    for function in stack.of_type("aws_lambda_function"):
        if stack.lacks_alarm(function, "FunctionName", METRICS[:2]):
            yield stack.finding(RULE, function, f"{function.address} has no alarm on its errors.")
