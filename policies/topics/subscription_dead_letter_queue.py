from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="topics/subscription-dead-letter-queue",
    title="What a subscription can't deliver is lost",
    severity=Severity.MEDIUM,
    why=(
        "When the subscriber is gone, refuses, or its permission is taken away, SNS gives up (client errors at "
        "once, an HTTP endpoint after about an hour) and discards the message."
    ),
    mend="Set redrive_policy with a deadLetterTargetArn on the subscription.",
    links=("https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html",),
    tags=(
        "S7",
        "dead-letter-queue",
    ),
)


# A person reads e-mail and text messages: what bounces there is for nobody to redrive.
MACHINES = frozenset({"lambda", "sqs", "http", "https", "firehose"})


def find(stack: Stack) -> Iterator[Finding]:
    for subscription in stack.of_type("aws_sns_topic_subscription"):
        if look(subscription, "protocol") in MACHINES and not is_written(look(subscription, "redrive_policy")):
            yield stack.finding(
                RULE, subscription, f"{subscription.address} has no dead-letter queue.", at="redrive_policy"
            )
