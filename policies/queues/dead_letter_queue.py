from __future__ import annotations

import re
from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, is_written, json_in, look

RULE = Rule(
    id="queues/dead-letter-queue",
    title="A queue has no dead-letter queue",
    severity=Severity.MEDIUM,
    why=(
        "A message that can't be processed comes back until its retention ends, blocks what waits behind it, costs "
        "a run of the consumer each time, and is then lost without a trace."
    ),
    mend=(
        "Give the queue a redrive_policy that names a dead-letter queue (or an aws_sqs_queue_redrive_policy), and "
        "set an alarm on that."
    ),
    links=("https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",),
    tags=(
        "S4",
        "S7",
        "dead-letter-queue",
    ),
)


LAST_STOP = re.compile(r"(^|[^a-z])(dlq|dead|deadletter|dead-?letters?|failures?|failed)([^a-z]|$)", re.IGNORECASE)


def find(stack: Stack) -> Iterator[Finding]:
    ends = _last_stops(stack)
    for queue in stack.of_type("aws_sqs_queue"):
        if is_written(look(queue, "redrive_policy")) or queue.address in ends or _sounds_last(queue):
            continue
        if stack.lacks(queue, "aws_sqs_queue_redrive_policy", "queue_url"):
            yield stack.finding(RULE, queue, f"{queue.address} has no dead-letter queue.", at="redrive_policy")


def _last_stops(stack: Stack) -> set[str]:
    """Queues that others send to what they can't process: they need none themselves."""
    redrives = [
        look(each, "redrive_policy")
        for each in stack.of_type("aws_sqs_queue", "aws_sqs_queue_redrive_policy", "aws_sns_topic_subscription")
    ]
    configs = [
        look(each, path)
        for kind, path in (
            ("aws_lambda_function", "dead_letter_config"),
            ("aws_lambda_function_event_invoke_config", "destination_config"),
            ("aws_lambda_event_source_mapping", "destination_config"),
            ("aws_cloudwatch_event_target", "dead_letter_config"),
            ("aws_scheduler_schedule", "target.dead_letter_config"),
        )
        for each in stack.of_type(kind)
    ]
    texts = [json_in(each) or each for each in redrives]
    return {queue.address for queue in stack.named([*texts, *configs], "aws_sqs_queue")}


def _sounds_last(queue: Resource) -> bool:
    """What takes in other accounts' or services' dead letters is named so; or it allows to be redriven into."""
    return is_written(look(queue, "redrive_allow_policy")) or any(
        isinstance(name, str) and LAST_STOP.search(name) for name in (queue.name, look(queue, "name"))
    )
