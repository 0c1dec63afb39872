from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="topics/encrypted",
    title="A topic's messages are not encrypted at rest",
    severity=Severity.MEDIUM,
    why=(
        "SNS keeps messages on disk while it delivers and retries. Without a key of KMS they are readable by "
        "whoever reads those disks."
    ),
    mend='Set kms_master_key_id ("alias/aws/sns", or a key of your own where services of AWS publish to the topic).',
    links=("https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html",),
    tags=("encryption",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for topic in stack.of_type("aws_sns_topic"):
        if not is_written(look(topic, "kms_master_key_id")):
            yield stack.finding(RULE, topic, f"{topic.address} isn't encrypted at rest.", at="kms_master_key_id")
