"""The call to DynamoDB that notes a push."""

from __future__ import annotations

import os

import boto3
from pushes import Push

_pushes = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def note(push: Push) -> None:
    """Write it; a second delivery writes the same again."""
    _pushes.put_item(
        Item={
            "branch": push.branch, "push": push.id, "repository": push.repository, "commit_id": push.commit_id,
            "what": push.what, "who": push.who, "at": push.at,
        }
    )  # fmt: skip
