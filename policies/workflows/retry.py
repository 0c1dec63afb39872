from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.machines import judged
from opsctl.policy.rule import Stack

RULE = Rule(
    id="workflows/retry",
    title="A task is not tried again",
    severity=Severity.MEDIUM,
    why=(
        "Every service is throttled or interrupted now and then. Without Retry one such answer fails the whole "
        "execution."
    ),
    mend=(
        "Give each Task a Retry with backoff; for functions with Lambda.ServiceException, "
        "Lambda.AWSLambdaException, Lambda.SdkClientException and Lambda.TooManyRequestsException."
    ),
    links=(
        "https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html",
        "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html",
    ),
    tags=(
        "S6",
        "S10",
        "S11",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for machine, sentence in judged(stack, "task-retry", "service-errors"):
        yield stack.finding(RULE, machine, sentence, at="definition")
