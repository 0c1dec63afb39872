"""The calls to SES and SQS that the mail makes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import boto3
from letters import Letter

_ses = boto3.client("sesv2")
_sqs = boto3.client("sqs")


def send(letter: Letter) -> str:
    """Hand a letter to SES. Gives its message id."""
    answer = _ses.send_email(
        FromEmailAddress=os.environ["SENDER"],
        Destination={"ToAddresses": [letter.to]},
        Content={
            "Simple": {
                "Subject": {"Data": letter.subject, "Charset": "UTF-8"},
                "Body": {"Text": {"Data": letter.text, "Charset": "UTF-8"}},
            }
        },
    )
    message_id: str = answer["MessageId"]
    return message_id


def set_aside(event: Mapping[str, Any], *, reason: str) -> None:
    """Send an event that can never become a letter to the failure queue, with its reason."""
    _sqs.send_message(
        QueueUrl=os.environ["FAILURES_URL"],
        MessageBody=json.dumps(event),
        MessageAttributes={"reason": {"DataType": "String", "StringValue": reason}},
    )
