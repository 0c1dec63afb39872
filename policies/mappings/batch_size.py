from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number, truth

RULE = Rule(
    id="mappings/batch-size",
    title="A mapping asks for batches that AWS doesn't give",
    severity=Severity.MEDIUM,
    why=(
        "An SQS batch above 10 needs a batching window of at least 1 second, a FIFO queue gives at most 10, a "
        "stream at most 10,000: the apply fails, after other resources were changed."
    ),
    mend="Set maximum_batching_window_in_seconds to 1 or more, or lower batch_size.",
    links=("https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html",),
    tags=(
        "S4",
        "timeouts",
    ),
)


FROM_QUEUE, FROM_FIFO_QUEUE, FROM_STREAM = 10_000, 10, 10_000


def find(stack: Stack) -> Iterator[Finding]:
    for mapping in stack.of_type("aws_lambda_event_source_mapping"):
        size = number(look(mapping, "batch_size", 1))
        window = number(look(mapping, "maximum_batching_window_in_seconds", 0))
        if size is None or window is None:
            continue
        source = look(mapping, "event_source_arn")
        queues = list(stack.named(source, "aws_sqs_queue"))
        from_queue = bool(queues) or (isinstance(source, str) and ":sqs:" in source)
        fifo = any(truth(look(queue, "fifo_queue", False)) for queue in queues) or str(source).endswith(".fifo")
        if fifo and size > FROM_FIFO_QUEUE:
            what = f"{mapping.address} asks a FIFO queue for {size:g} messages at once; it gives {FROM_FIFO_QUEUE}."
        elif from_queue and size > 10 and window < 1:
            what = f"{mapping.address} asks for {size:g} messages at once without a batching window."
        elif size > FROM_STREAM:
            what = f"{mapping.address} asks for {size:g} records at once; AWS gives {FROM_STREAM:,}."
        else:
            continue
        yield stack.finding(RULE, mapping, what, at="batch_size")
