"""No Logs Insights query is saved. Asked once of a configuration, and only where it has at least three functions."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack

RULE = Rule(
    id="logs/saved-queries",
    title="No Logs Insights query is saved",
    severity=Severity.LOW,
    why=(
        "At night nobody writes the query that follows a correlation id through five functions from memory. A saved "
        "one is found by all, and reviewed like code."
    ),
    mend=(
        "Add aws_cloudwatch_query_definition resources: requests by correlation id, errors by function, slowest "
        "requests."
    ),
    links=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_Insights-Saving-Queries.html",),
    tags=(
        "S5",
        "logging",
    ),
)


FEWEST_FUNCTIONS = 3


def find(stack: Stack) -> Iterator[Finding]:
    functions = list(stack.of_type("aws_lambda_function"))
    if len(functions) >= FEWEST_FUNCTIONS and not any(stack.of_type("aws_cloudwatch_query_definition")):
        yield stack.finding(RULE, functions[0], f"None of {len(functions)} functions' logs has a saved query.")
