"""Records of a stream, worked off in order by a function that Lambda feeds batch by batch."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from events import Invalid, check

Record = Mapping[str, Any]


def in_order(records: Iterable[Record], work: Callable[[Record], object]) -> dict[str, list[dict[str, str]]]:
    """Work off a batch, record by record, up to the first that fails. Gives Lambda's answer to it.

    Lambda goes on from the record that is reported. One that is first in its batch is not reported: its error is
    raised, and that is what makes Lambda halve the batch until the record stands alone ("Bisecting a batch",
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html).

    Raises:
        Exception: what `work` raised for the first record.
    """
    for position, record in enumerate(records):
        try:
            work(record)
        except Exception:
            if position == 0:
                raise
            return {"batchItemFailures": [{"itemIdentifier": sequence_number(record)}]}
    return {"batchItemFailures": []}


def sequence_number(record: Record) -> str:
    """The number of a Kinesis or DynamoDB stream record, by which Lambda knows it."""
    number: str = record["kinesis"]["sequenceNumber"] if "kinesis" in record else record["dynamodb"]["SequenceNumber"]
    return number


def event_in(record: Record, detail_type: str) -> dict[str, Any]:
    """The event that a Kinesis record carries as JSON, checked.

    Raises:
        Invalid: not JSON, or not such an event.
    """
    try:
        detail = json.loads(base64.b64decode(record["kinesis"]["data"], validate=True))
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{detail_type}: the record is not JSON") from error
    check(detail_type, detail)
    checked: dict[str, Any] = detail
    return checked
