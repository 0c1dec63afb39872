from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import is_symbolic
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="functions/log-group",
    title="A function's log group is not Terraform's",
    severity=Severity.MEDIUM,
    why=(
        "Lambda then makes the group itself at the first call: its logs are never deleted, have no key, no tags, "
        "and outlive the function."
    ),
    mend=(
        'Add aws_cloudwatch_log_group "/aws/lambda/<function name>" with a retention, or name a group in '
        "logging_config."
    ),
    links=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html",),
    tags=(
        "S5",
        "logging",
        "retention",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    names: set[str] = set()
    for group in stack.of_type("aws_cloudwatch_log_group"):
        name = look(group, "name")
        if not isinstance(name, str) or (is_symbolic(name) and not any(stack.referenced(name)) and "/" not in name):
            return  # a group that may be anything's
        names.add(name)
    for function in stack.of_type("aws_lambda_function"):
        own = look(function, "logging_config.log_group")
        name = own or f"/aws/lambda/{look(function, 'function_name')}"
        if not isinstance(name, str) or name in names or any(stack.named(own, "aws_cloudwatch_log_group")):
            continue
        if is_symbolic(name) and any(is_symbolic(each) for each in names):
            continue
        if own and not any(stack.of_type("aws_cloudwatch_log_group")):
            continue  # a shared group, made elsewhere
        yield stack.finding(RULE, function, f"{function.address} writes to {name}, which isn't in the configuration.")
