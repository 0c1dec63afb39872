from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, json_in, look, number

RULE = Rule(
    id="queues/dead-letter-retention",
    title="A dead-letter queue forgets before its source does",
    severity=Severity.MEDIUM,
    why=(
        "A message keeps the time of its first arrival when it moves to the dead-letter queue, so one that waited "
        "long may be deleted there at once, before anybody has looked."
    ),
    mend="Set message_retention_seconds of the dead-letter queue to 1209600 (14 days), and above that of its source.",
    links=("https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",),
    tags=(
        "S7",
        "retention",
        "dead-letter-queue",
    ),
)


DEFAULT_SECONDS, LONGEST_SECONDS = 345_600, 1_209_600  # 4 and 14 days


def find(stack: Stack) -> Iterator[Finding]:
    seen = set()
    for queue in sorted(stack.of_type("aws_sqs_queue"), key=lambda each: each.address):
        source = number(look(queue, "message_retention_seconds", DEFAULT_SECONDS))
        for dead in stack.named(
            json_in(look(queue, "redrive_policy")) or look(queue, "redrive_policy"), "aws_sqs_queue"
        ):
            kept = number(look(dead, "message_retention_seconds", DEFAULT_SECONDS))
            if source is None or kept is None or dead.address in seen or dead.address == queue.address:
                continue
            if kept <= source and kept < LONGEST_SECONDS:
                seen.add(dead.address)
                yield stack.finding(
                    RULE,
                    dead,
                    f"{dead.address} keeps a message {kept / 86400:g} days; {queue.address}, its source, "
                    f"{source / 86400:g} days.",
                    at="message_retention_seconds",
                )
