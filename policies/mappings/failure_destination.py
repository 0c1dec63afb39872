from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look
from opsctl.policy.streams import stream_mappings

RULE = Rule(
    id="mappings/failure-destination",
    title="Records that a stream's consumer gives up are lost",
    severity=Severity.MEDIUM,
    why=(
        "After the last retry Lambda skips the batch. Without a destination nobody learns which records were "
        "skipped, and none can be replayed."
    ),
    mend="Add destination_config { on_failure { destination_arn = … } } to the mapping.",
    links=("https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html",),
    tags=(
        "S4",
        "streams",
        "dead-letter-queue",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for mapping in stream_mappings(stack):
        if not is_written(look(mapping, "destination_config.on_failure.destination_arn")):
            yield stack.finding(RULE, mapping, f"{mapping.address} drops what it gives up.", at="destination_config")
