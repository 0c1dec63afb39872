"""The calls to DynamoDB, which keeps the token, and to Step Functions, which waits for it."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from botocore.exceptions import ClientError
from decisions import Decision

_states = boto3.client("stepfunctions")
_approvals = boto3.resource("dynamodb").Table(os.environ["APPROVALS_TABLE"])


def find(approval_id: str) -> dict[str, Any] | None:
    return _approvals.get_item(Key={"approval_id": approval_id}, ConsistentRead=True).get("Item")


def claim(approval_id: str, decision: Decision, by: str) -> dict[str, Any] | None:
    """Write the decision down, or the same one again while it is not delivered. Gives the record; None: too late."""
    try:
        return _approvals.update_item(
            Key={"approval_id": approval_id},
            UpdateExpression="SET decision = :decision, #comment = :comment, answered_by = :by",
            ConditionExpression="#status = :waiting AND attribute_exists(task_token) AND"
            " (attribute_not_exists(decision) OR (decision = :decision AND attribute_not_exists(delivered)))",
            ExpressionAttributeNames={"#status": "status", "#comment": "comment"},
            ExpressionAttributeValues={
                ":waiting": "waiting", ":decision": decision.decision, ":comment": decision.comment, ":by": by,
            },
            ReturnValues="ALL_NEW",
        )["Attributes"]  # fmt: skip
    except _approvals.meta.client.exceptions.ConditionalCheckFailedException:
        return None


def deliver(task_token: str, decision: Decision, by: str) -> bool:
    """Hand the answer to the execution; False when it no longer waits for this token."""
    answer = json.dumps({"decision": decision.decision, "comment": decision.comment, "by": by})
    try:
        if decision.decision == "approve":
            _states.send_task_success(taskToken=task_token, output=answer)
        else:
            _states.send_task_failure(taskToken=task_token, error="Rejected", cause=answer)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"):
            return False
        raise
    return True


def mark_delivered(approval_id: str) -> None:
    _approvals.update_item(
        Key={"approval_id": approval_id},
        UpdateExpression="SET delivered = :yes",
        ExpressionAttributeValues={":yes": True},
    )
