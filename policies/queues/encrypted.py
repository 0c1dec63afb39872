from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="queues/encrypted",
    title="A queue's messages are not encrypted",
    severity=Severity.HIGH,
    why=(
        "Messages lie on disks as they were sent. SQS encrypts by default with its own key; here that was switched off."
    ),
    mend="Leave out sqs_managed_sse_enabled or set it to true, or name a KMS key in kms_master_key_id.",
    links=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html",
    ),
    tags=("encryption",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for queue in stack.of_type("aws_sqs_queue"):
        if truth(look(queue, "sqs_managed_sse_enabled")) is False and not is_written(look(queue, "kms_master_key_id")):
            yield stack.finding(RULE, queue, f"{queue.address} isn't encrypted at rest.", at="sqs_managed_sse_enabled")
