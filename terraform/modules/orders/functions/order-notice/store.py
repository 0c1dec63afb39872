"""The calls to SNS, SQS and, for what was told already, DynamoDB."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import boto3
import dead_letters
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from correlation import message_attributes

NOTICES_TOPIC_ARN = os.environ["NOTICES_TOPIC_ARN"]
DEAD_LETTERS_URL = os.environ["DEAD_LETTERS_URL"]

_sns = boto3.client("sns")
_sqs = boto3.client("sqs")

told = DynamoDBPersistenceLayer(table_name=os.environ["GUARDS_TABLE"])


def publish(notice: dict[str, Any]) -> None:
    _sns.publish(
        TopicArn=NOTICES_TOPIC_ARN,
        Message=json.dumps(notice),
        MessageAttributes=message_attributes(notice["correlation_id"])
        | {"event": {"DataType": "String", "StringValue": notice["event"]}},
    )


def set_aside(record: Mapping[str, Any], reason: str) -> None:
    dead_letters.set_aside(_sqs, DEAD_LETTERS_URL, record, reason)
