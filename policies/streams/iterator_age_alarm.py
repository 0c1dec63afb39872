from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look
from opsctl.policy.streams import stream_mappings

RULE = Rule(
    id="streams/iterator-age-alarm",
    title="Nobody is told when a stream's consumer falls behind",
    severity=Severity.LOW,
    why="Records expire unread after a day by default; the iterator's age is the one sign beforehand.",
    mend="Set an alarm on IteratorAge of the function (or GetRecords.IteratorAgeMilliseconds of the stream).",
    links=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",),
    tags=(
        "S4",
        "alarms",
        "streams",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for mapping in stream_mappings(stack):
        streams = stack.named(look(mapping, "event_source_arn"), "aws_kinesis_stream")
        if any(not stack.lacks_alarm(stream, "StreamName") for stream in streams):
            continue
        for function in stack.functions(look(mapping, "function_name")):
            if stack.lacks_alarm(function, "FunctionName", ("IteratorAge", "OffsetLag")):
                yield stack.finding(RULE, mapping, f"{mapping.address} may fall behind unseen: no alarm is on its age.")
