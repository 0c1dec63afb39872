from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look
from opsctl.policy.streams import stream_mappings

RULE = Rule(
    id="mappings/starting-position",
    title="A stream's consumer skips what came before it",
    severity=Severity.LOW,
    why=(
        "With LATEST a mapping that is made, or made anew, passes over records that came meanwhile; AWS says that "
        "some may be missed even while it is updated."
    ),
    mend='Set starting_position = "TRIM_HORIZON", or AT_TIMESTAMP; make the function idempotent.',
    links=("https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html",),
    tags=(
        "S4",
        "streams",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for mapping in stream_mappings(stack):
        if look(mapping, "starting_position") == "LATEST":
            yield stack.finding(
                RULE, mapping, f"{mapping.address} begins at the stream's latest record.", at="starting_position"
            )
