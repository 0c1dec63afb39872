from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, json_in, look

RULE = Rule(
    id="queues/dead-letter-alarm",
    title="Nobody is told when a message becomes a dead letter",
    severity=Severity.MEDIUM,
    why="A dead-letter queue without an alarm is where orders disappear until a customer asks.",
    mend=(
        "Set an alarm on ApproximateNumberOfMessagesVisible (or …NotVisible, OldestMessage) of the dead-letter "
        "queue, threshold 0."
    ),
    links=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html",
    ),
    tags=(
        "S7",
        "alarms",
        "dead-letter-queue",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    policies = [
        look(queue, "redrive_policy") for queue in stack.of_type("aws_sqs_queue", "aws_sqs_queue_redrive_policy")
    ]
    dead = {queue.address: queue for each in policies for queue in stack.named(json_in(each) or each, "aws_sqs_queue")}
    for queue in dead.values():
        if stack.lacks_alarm(queue, "QueueName"):
            yield stack.finding(RULE, queue, f"{queue.address} takes dead letters and no alarm watches it.")
