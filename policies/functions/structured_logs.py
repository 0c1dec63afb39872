from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, is_known, look, texts_in

RULE = Rule(
    id="functions/structured-logs",
    title="A function logs lines of text",
    severity=Severity.LOW,
    why=(
        "Text can't be queried by field: neither the correlation id that follows a request through the functions, "
        "nor the level, nor the request's id."
    ),
    mend=(
        'Set logging_config { log_format = "JSON" }, or log by Powertools for AWS Lambda (POWERTOOLS_SERVICE_NAME '
        "or its layer is the sign)."
    ),
    links=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html",),
    tags=(
        "S5",
        "logging",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for function in stack.of_type("aws_lambda_function"):
        if look(function, "logging_config.log_format", "Text") != "Text" or _uses_powertools(function):
            continue
        yield stack.finding(
            RULE, function, f"{function.address} logs unstructured text.", at="logging_config[0].log_format"
        )


def _uses_powertools(function: Resource) -> bool:
    variables = look(function, "environment.variables", {})
    if not isinstance(variables, Mapping):
        return True  # can't be told
    layers = look(function, "layers", [])
    if not is_known(layers):
        return True  # one of ours, made by the apply, may hold it
    names = " ".join(texts_in(layers)).lower()
    return "powertools" in names or any(name.startswith("POWERTOOLS_") for name in variables)
