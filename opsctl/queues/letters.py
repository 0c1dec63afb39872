"""A letter: what could not be worked off, why, and what has to be sent so that it is tried again. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opsctl.errors import OpsctlError

REASON, REDRIVEN = "reason", "redriven"
# Quota "Message attributes" of SQS.
MOST_ATTRIBUTES = 10


class CanNotGoBack(OpsctlError):
    """A letter that can't be put back. It stays where it is."""


@dataclass(frozen=True)
class Letter:
    """
    Attributes:
        id: the message's id, or the object's key.
        body: the original, as it was sent.
        attributes: of the message, as SQS gives and takes them.
        sent_at: when it was first sent; UTC.
        receives: how often it was received, by this look, too; 0 when nobody counts.
        reason: why it lies here, in a few words.
        redriven: how often it has been put back before.
    """

    id: str
    body: str
    attributes: Mapping[str, Any]
    sent_at: datetime
    receives: int
    reason: str
    redriven: int


@dataclass(frozen=True)
class Message:
    """What is sent to a queue."""

    body: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Invocation:
    """What a function is invoked with."""

    function_name: str
    arn: str
    payload: str


def letter_of_message(message: Mapping[str, Any]) -> Letter:
    """A message as SQS's ReceiveMessage gives it, with all of its attributes."""
    attributes = message.get("MessageAttributes") or {}
    system = message.get("Attributes") or {}
    receives = int(system.get("ApproximateReceiveCount", 0))
    redriven = _text(attributes, REDRIVEN)
    return Letter(
        id=message["MessageId"],
        body=message["Body"],
        attributes=attributes,
        sent_at=datetime.fromtimestamp(int(system.get("SentTimestamp", 0)) / 1000, UTC),
        receives=receives,
        reason=_text(attributes, REASON) or _reason_in(message["Body"]) or _text(attributes, "ERROR_MESSAGE")
        or _text(attributes, "ERROR_CODE") or "failed too often; what it met is in the function's log",
        redriven=int(redriven) if redriven.isdigit() else 0,
    )  # fmt: skip


def letter_of_object(key: str, body: str, stored_at: datetime) -> Letter:
    """An object that Lambda wrote for a stream's batch that it gave up."""
    return Letter(key, body, {}, stored_at, 0, _reason_in(body) or "no reason", 0)


def message_for(letter: Letter) -> Message:
    """The letter as it was, without our reason, with one more in `redriven` (if SQS takes another attribute)."""
    kept = {name: value for name, value in letter.attributes.items() if name not in (REASON, REDRIVEN)}
    count = {REDRIVEN: {"DataType": "Number", "StringValue": str(letter.redriven + 1)}}
    return Message(letter.body, kept | count if len(kept) < MOST_ATTRIBUTES else kept)


def invocation_for(letter: Letter, functions: Mapping[str, str]) -> Invocation:
    """The function that the record is about, and the event that it could not work off.

    Lambda's record has them in requestContext.functionArn and requestPayload (of a stream, in an S3 object: payload);
    what EventBridge could not hand over is the event itself, with its target in the attribute TARGET_ARN.

    Args:
        functions: ARN by name of the environment's functions: nobody else is invoked.

    Raises:
        CanNotGoBack: it is no such record, or of another environment's function.
    """
    record = _object(letter.body)
    context = record.get("requestContext")
    arn = _text(letter.attributes, "TARGET_ARN") or str((context or {}).get("functionArn", ""))
    name = arn.split(":")[6] if arn.count(":") >= 6 else ""
    if name not in functions:
        raise CanNotGoBack(f"{letter.id} names no function of this environment.", where=arn or "it names none at all")
    if _text(letter.attributes, "TARGET_ARN"):
        payload = letter.body
    elif "requestPayload" in record:
        payload = json.dumps(record["requestPayload"])
    elif "payload" in record:
        payload = record["payload"] if isinstance(record["payload"], str) else json.dumps(record["payload"])
    else:
        raise CanNotGoBack(f"{letter.id} holds no original.", where=arn)
    return Invocation(name, functions[name], payload)


def _reason_in(body: str) -> str:
    """The error in one of Lambda's records."""
    record = _object(body)
    answer = record.get("responsePayload")
    if isinstance(answer, dict) and answer.get("errorMessage"):
        kind = answer.get("errorType")
        return f"{kind}: {answer['errorMessage']}" if kind else str(answer["errorMessage"])
    context = record.get("requestContext")
    return str(context.get("condition", "")) if isinstance(context, dict) and "functionArn" in context else ""


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(attributes: Mapping[str, Any], name: str) -> str:
    return str((attributes.get(name) or {}).get("StringValue", ""))
