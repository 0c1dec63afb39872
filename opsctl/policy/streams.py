"""Mappings that read a stream: records come in order, and one that fails holds up those behind it."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, is_written, look


def stream_mappings(stack: Stack) -> Iterator[Resource]:
    """Event source mappings of Kinesis and DynamoDB streams, also where only the starting position says so."""
    for mapping in stack.of_type("aws_lambda_event_source_mapping"):
        source = look(mapping, "event_source_arn")
        kafka = is_written(look(mapping, "self_managed_event_source")) or is_written(look(mapping, "topics"))
        if any(stack.named(source, "aws_kinesis_stream", "aws_dynamodb_table")):
            yield mapping
        elif isinstance(source, str) and source.startswith("arn:"):
            if source.split(":")[2:3] in (["kinesis"], ["dynamodb"]):
                yield mapping
        elif is_written(look(mapping, "starting_position")) and not kafka:
            yield mapping
