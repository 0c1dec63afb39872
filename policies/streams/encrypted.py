from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="streams/encrypted",
    title="A stream's records are not encrypted at rest",
    severity=Severity.MEDIUM,
    why=(
        "Kinesis Data Streams keeps records for 1 to 365 days; without a key they are readable on its disks, and "
        "nobody's access to the key is logged."
    ),
    mend=(
        'Set encryption_type = "KMS" and kms_key_id = "alias/aws/kinesis" or a key of your own; for Firehose add '
        "server_side_encryption { enabled = true }."
    ),
    links=("https://docs.aws.amazon.com/streams/latest/dev/what-is-sse.html",),
    tags=("encryption",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for stream in stack.of_type("aws_kinesis_stream"):
        if look(stream, "encryption_type", "NONE") == "NONE":
            yield stack.finding(RULE, stream, f"{stream.address} isn't encrypted at rest.", at="encryption_type")
    for stream in stack.of_type("aws_kinesis_firehose_delivery_stream"):
        # What reads a Kinesis stream is encrypted by that one's key.
        on = truth(look(stream, "server_side_encryption.enabled", False))
        if on is False and not is_written(look(stream, "kinesis_source_configuration")):
            yield stack.finding(
                RULE, stream, f"{stream.address} isn't encrypted at rest.", at="server_side_encryption[0].enabled"
            )
