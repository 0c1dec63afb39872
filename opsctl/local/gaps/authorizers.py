"""API Gateway: conditions on the time in an authorizer's policy.

A policy that is kept for five minutes may say that it ends sooner (`DateLessThan` on `aws:CurrentTime`), with the token
that it stands for. MiniStack keeps policies as AWS does, and reads no conditions: an Allow with one held for ever.
A condition that is not understood here holds for a Deny and for no Allow, so that nobody is let in by mistake.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from opsctl.local.gaps.gap import Gap

COMPARISONS: dict[str, Callable[[datetime, datetime], bool]] = {
    "DateLessThan": datetime.__lt__,
    "DateLessThanEquals": datetime.__le__,
    "DateGreaterThan": datetime.__gt__,
    "DateGreaterThanEquals": datetime.__ge__,
}


class Authorizers(Gap):
    async def install(self) -> None:
        from ministack.services import apigateway_v1

        evaluate = apigateway_v1._evaluate_policy

        def evaluate_policy(document: Any, method_arn: str) -> Any:
            return evaluate(in_force(document, datetime.fromtimestamp(time.time(), UTC)), method_arn)

        apigateway_v1._evaluate_policy = evaluate_policy


def in_force(document: Any, now: datetime) -> Any:
    """The policy without the statements whose conditions don't hold at `now`."""
    if not isinstance(document, dict):
        return document
    statements = document.get("Statement") or []
    listed = [statements] if isinstance(statements, dict) else statements
    return {
        **document,
        "Statement": [one for one in listed if isinstance(one, dict) and _holds(one, now)],
    }


def _holds(statement: dict[str, Any], now: datetime) -> bool:
    return all(
        COMPARISONS[operator](now, _moment(value))
        if operator in COMPARISONS and key.lower() == "aws:currenttime"
        else statement.get("Effect") == "Deny"
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, value in keys.items()
    )


def _moment(text: str) -> datetime:
    """An ISO 8601 date, as IAM takes it; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
