from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, json_in, look, number

RULE = Rule(
    id="queues/maximum-receives",
    title="A message goes to the dead-letter queue too soon or practically never",
    severity=Severity.MEDIUM,
    why=(
        "With one receive, a throttled function or a deploy in that second sends good messages to the dead-letter "
        "queue; AWS asks for at least 5 where Lambda consumes. With hundreds, a poison message costs hundreds of "
        "runs."
    ),
    mend="Set maxReceiveCount between 3 and 100; 5 or more where Lambda reads the queue.",
    links=(
        "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    ),
    tags=(
        "S4",
        "S7",
        "dead-letter-queue",
    ),
)


FEWEST, MOST = 2, 100


def find(stack: Stack) -> Iterator[Finding]:
    for queue in stack.of_type("aws_sqs_queue", "aws_sqs_queue_redrive_policy"):
        policy = json_in(look(queue, "redrive_policy"))
        receives = number(policy.get("maxReceiveCount")) if isinstance(policy, Mapping) else None
        if receives is not None and not FEWEST <= receives <= MOST:
            yield stack.finding(
                RULE,
                queue,
                f"{queue.address} gives a message {receives:g} receives before it is dead.",
                at="redrive_policy",
            )
