"""The events on our bus: what each must look like, and how one is published.

A detail-type has a JSON Schema (draft-07) in `schemas/<detail-type>.json`. Publishers check by `publish`, consumers by
`check`: a publisher may be older or newer than its consumers. Properties that a schema doesn't name are let through, so
that a publisher can add one first.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fastjsonschema

SCHEMAS = Path(__file__).parent / "schemas"

# PutEvents, "Calculating PutEvents event entry size": the whole entry, here without its fixed 14 bytes for a time.
LARGEST_BYTES = 256 * 1024


class Invalid(ValueError):
    """An event that its schema refuses, too large a one, or one of no known type. The message says why."""


class NotPublished(RuntimeError):
    """EventBridge took the call and not the event: try again."""


def detail_types() -> list[str]:
    """The names of all events that there are, sorted."""
    return sorted(file.stem for file in SCHEMAS.glob("*.json"))


def check(detail_type: str, detail: Mapping[str, Any]) -> None:
    """Whether this is such an event.

    Raises:
        Invalid: it isn't; the message names the field.
    """
    try:
        _validator(detail_type)(detail)
    except fastjsonschema.JsonSchemaValueException as error:
        raise Invalid(f"{detail_type}: {error.message.replace('data.', '', 1)}") from error


def publish(client: Any, bus: str, source: str, detail_type: str, detail: Mapping[str, Any]) -> str:
    """Put one event on the bus, once it is checked. Gives its id.

    Args:
        client: boto3's for EventBridge.
        bus: the bus's name or ARN.
        source: the system that it happened in: "images", "orders", "bulk".

    Raises:
        Invalid: the schema refuses it, or it is larger than EventBridge takes (256 KB). Trying again is no use.
        NotPublished: EventBridge refused this one for now (throttled, internal failure).
    """
    check(detail_type, detail)
    text = json.dumps(detail, separators=(",", ":"), default=str)
    size = sum(len(part.encode()) for part in (source, detail_type, text))
    if size > LARGEST_BYTES:
        raise Invalid(f"{detail_type}: {size} bytes; EventBridge takes {LARGEST_BYTES}")
    answer = client.put_events(
        Entries=[{"EventBusName": bus, "Source": source, "DetailType": detail_type, "Detail": text}]
    )
    [entry] = answer["Entries"]
    if answer["FailedEntryCount"]:
        raise NotPublished(f"{detail_type}: {entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")
    event_id: str = entry["EventId"]
    return event_id


@functools.cache
def _validator(detail_type: str) -> Callable[[Any], Any]:
    file = SCHEMAS / f"{detail_type}.json"
    if detail_type not in detail_types():
        raise Invalid(f"{detail_type}: no such event; there are {', '.join(detail_types())}")
    validator: Callable[[Any], Any] = fastjsonschema.compile(json.loads(file.read_text()))
    return validator
