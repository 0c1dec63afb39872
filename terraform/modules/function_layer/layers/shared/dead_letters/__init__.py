"""What can never be worked off goes to the dead-letter queue at once, with its original and the reason.

What fails for now is left to SQS: it comes back, and after `maxReceiveCount` times SQS moves it there by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REASON = "reason"
# A reason is for people; the original beside it may fill the message up to SQS's quota.
LONGEST_REASON = 500
# Message attributes that SQS takes (quota "Message attributes").
MOST_ATTRIBUTES = 10


def set_aside(client: Any, queue_url: str, record: Mapping[str, Any], reason: str) -> None:
    """Send an SQS event's record to a dead-letter queue: its body and attributes as they were, and `reason`.

    Args:
        client: boto3's for SQS.
        record: as Lambda hands it to a function (`body`, `messageAttributes`).
    """
    client.send_message(QueueUrl=queue_url, MessageBody=record["body"], MessageAttributes=attributes_of(record, reason))


def attributes_of(record: Mapping[str, Any], reason: str) -> dict[str, dict[str, Any]]:
    """A record's own attributes as SendMessage takes them, and the reason."""
    own = {
        name: {
            "DataType": value["dataType"],
            **({"BinaryValue": value["binaryValue"]} if "binaryValue" in value else {}),
            **({"StringValue": value["stringValue"]} if "stringValue" in value else {}),
        }
        for name, value in (record.get("messageAttributes") or {}).items()
        if name != REASON
    }
    kept = dict(list(own.items())[: MOST_ATTRIBUTES - 1])
    return kept | {REASON: {"DataType": "String", "StringValue": reason[:LONGEST_REASON] or "unknown"}}
