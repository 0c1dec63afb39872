from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, is_known, json_in, look

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
    watched, untold = _watched(stack)
    if untold:
        return
    seen = set()
    for queue in stack.of_type("aws_sqs_queue", "aws_sqs_queue_redrive_policy"):
        for dead in stack.named(
            json_in(look(queue, "redrive_policy")) or look(queue, "redrive_policy"), "aws_sqs_queue"
        ):
            if dead.address not in watched and dead.address not in seen and dead.address != queue.address:
                seen.add(dead.address)
                yield stack.finding(RULE, dead, f"{dead.address} takes dead letters and no alarm watches it.")


def _watched(stack: Stack) -> tuple[set[str], bool]:
    """Queues with an alarm, and whether there is an alarm on a queue that can't be told."""
    watched: set[str] = set()
    untold = False
    for alarm in stack.of_type("aws_cloudwatch_metric_alarm"):
        dimensions = [
            alarm.get("dimensions"),
            *(look(each, "metric.dimensions") for each in blocks(alarm, "metric_query")),
        ]
        for each in dimensions:
            queue = each.get("QueueName") if isinstance(each, Mapping) else each
            named = {found.address for found in stack.named(queue, "aws_sqs_queue")}
            watched |= named
            untold = untold or (not named and not is_known(queue))
    return watched, untold
