from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number, truth
from opsctl.policy.streams import stream_mappings

RULE = Rule(
    id="mappings/poison-record",
    title="One bad record can block a stream for days",
    severity=Severity.HIGH,
    why=(
        "By default Lambda retries a failing batch of Kinesis or DynamoDB until its records expire (1 to 7 days and "
        "more): everything behind it in the shard waits, and is then lost with it."
    ),
    mend="Set maximum_retry_attempts or maximum_record_age_in_seconds, and bisect_batch_on_function_error = true.",
    links=(
        "https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-errors.html",
    ),
    tags=(
        "S4",
        "streams",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for mapping in stream_mappings(stack):
        retries = number(look(mapping, "maximum_retry_attempts", -1))
        age = number(look(mapping, "maximum_record_age_in_seconds", -1))
        if retries == -1 and age == -1:
            yield stack.finding(
                RULE, mapping, f"{mapping.address} retries a bad record until it expires.", at="maximum_retry_attempts"
            )
        splits = truth(look(mapping, "bisect_batch_on_function_error", False))
        if splits is False and look(mapping, "function_response_types", []) == []:
            yield stack.finding(
                RULE,
                mapping,
                f"{mapping.address} fails whole batches with one bad record.",
                at="bisect_batch_on_function_error",
                severity=Severity.MEDIUM,
            )
