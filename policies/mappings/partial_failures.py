from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="mappings/partial-failures",
    title="One bad message sends its whole batch back",
    severity=Severity.MEDIUM,
    why=(
        "Without partial batch responses a failure makes every message of the batch visible again: the good ones "
        "are processed twice, and may end in the dead-letter queue with the bad one."
    ),
    mend='Set function_response_types = ["ReportBatchItemFailures"] and return batchItemFailures.',
    links=("https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",),
    tags=(
        "S1",
        "S4",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for mapping in stack.of_type("aws_lambda_event_source_mapping"):
        source = look(mapping, "event_source_arn")
        if not any(stack.named(source, "aws_sqs_queue")) and not (isinstance(source, str) and ":sqs:" in source):
            continue
        types = look(mapping, "function_response_types", [])
        size = number(look(mapping, "batch_size", 10))
        if isinstance(types, list) and not types and (size is None or size > 1):
            yield stack.finding(
                RULE, mapping, f"{mapping.address} reports no partial failures.", at="function_response_types"
            )
