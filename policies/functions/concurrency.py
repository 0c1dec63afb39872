from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, number

RULE = Rule(
    id="functions/concurrency",
    title="A queue can take all of an account's concurrency",
    severity=Severity.INFO,
    why=(
        "Lambda reads a full queue with up to 1,000 functions at once, which is the account's limit by default: "
        "everything else is throttled, and a database behind the function runs out of connections."
    ),
    mend=(
        "Set scaling_config { maximum_concurrency = … } on the mapping, or reserved_concurrent_executions on the "
        "function."
    ),
    links=(
        "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",
    ),
    tags=("concurrency",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for mapping in stack.of_type("aws_lambda_event_source_mapping"):
        source = look(mapping, "event_source_arn")
        from_queue = any(stack.named(source, "aws_sqs_queue")) or (isinstance(source, str) and ":sqs:" in source)
        if not from_queue or is_written(look(mapping, "scaling_config.maximum_concurrency")):
            continue
        for function in stack.functions(look(mapping, "function_name")):
            reserved = number(look(function, "reserved_concurrent_executions", -1))
            if reserved is not None and reserved < 0:
                yield stack.finding(
                    RULE, mapping, f"{mapping.address} runs as many of {function.address} as the account allows."
                )
