from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="functions/failure-destination",
    title="An event that a function can't process is lost",
    severity=Severity.MEDIUM,
    why=(
        "S3, SNS, EventBridge and schedules call a function asynchronously: Lambda tries three times and then drops "
        "the event, unless it is told where to put it."
    ),
    mend=(
        "Add an aws_lambda_function_event_invoke_config with destination_config { on_failure { destination = … } }, "
        "or a dead_letter_config."
    ),
    links=("https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",),
    tags=(
        "S4",
        "S7",
        "dead-letter-queue",
    ),
)


SERVICES = frozenset(
    {"s3", "sns", "events", "scheduler", "codecommit", "iot", "ses", "logs", "config", "cloudformation"}
)


def find(stack: Stack) -> Iterator[Finding]:
    for function in _called_asynchronously(stack):
        if is_written(look(function, "dead_letter_config.target_arn")) or not _drops_failures(stack, function):
            continue
        yield stack.finding(RULE, function, f"{function.address} is called asynchronously and drops what fails.")


def _called_asynchronously(stack: Stack) -> Iterator[Resource]:
    callers: list[Any] = [
        look(permission, "function_name")
        for permission in stack.of_type("aws_lambda_permission")
        if str(look(permission, "principal")).removesuffix(".amazonaws.com") in SERVICES
    ]
    callers += [look(each, "target.arn") for each in stack.of_type("aws_scheduler_schedule")]
    found = {function.address: function for value in callers for function in stack.functions(value)}
    yield from found.values()


def _drops_failures(stack: Stack, function: Resource) -> bool:
    kind = "aws_lambda_function_event_invoke_config"
    configs = list(stack.naming(function, kind, "function_name"))
    for alias in stack.naming(function, "aws_lambda_alias", "function_name"):
        configs += stack.naming(alias, kind, "function_name")
    if configs:
        return not any(is_written(look(each, "destination_config.on_failure.destination")) for each in configs)
    return stack.lacks(function, kind, "function_name")
