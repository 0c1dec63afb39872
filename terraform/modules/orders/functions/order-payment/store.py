"""The calls to Step Functions and SQS."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import boto3
import dead_letters

SAGA_ARN = os.environ["SAGA_ARN"]
DEAD_LETTERS_URL = os.environ["DEAD_LETTERS_URL"]

_states = boto3.client("stepfunctions")
_sqs = boto3.client("sqs")


def start(name: str, given: dict[str, Any]) -> bool:
    """Start an execution; False when there is or was one of this name."""
    try:
        _states.start_execution(stateMachineArn=SAGA_ARN, name=name, input=json.dumps(given))
    except _states.exceptions.ExecutionAlreadyExists:
        return False
    return True


def set_aside(record: Mapping[str, Any], reason: str) -> None:
    dead_letters.set_aside(_sqs, DEAD_LETTERS_URL, record, reason)
