"""The call to SNS."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import boto3

TOPIC_ARN = os.environ["TOPIC_ARN"]

_sns = boto3.client("sns")


def publish(announcement: Mapping[str, Any], *, correlation_id: str) -> str:
    """Publish it. Gives SNS's message id."""
    message_id: str = _sns.publish(
        TopicArn=TOPIC_ARN,
        Message=json.dumps(announcement),
        MessageAttributes={
            "event": {"DataType": "String", "StringValue": announcement["event"]},
            "correlation_id": {"DataType": "String", "StringValue": correlation_id},
        },
    )["MessageId"]
    return message_id
