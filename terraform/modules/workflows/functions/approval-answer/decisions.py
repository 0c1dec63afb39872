"""What an answer may be, and when it comes too late. No AWS here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_COMMENT = 500
OUTCOMES = {"approve": "approved", "reject": "rejected"}


@dataclass(frozen=True)
class Decision:
    """An answer: `approve` or `reject`, and why."""

    decision: str
    comment: str


def parse(body: object) -> Decision:
    """The answer in a request's JSON.

    Raises:
        ValueError: none; the message is for the client.
    """
    fields = body if isinstance(body, dict) else {}
    decision, comment = fields.get("decision"), fields.get("comment", "")
    if decision not in OUTCOMES:
        raise ValueError(f"decision must be one of {', '.join(OUTCOMES)}")
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT:
        raise ValueError(f"comment must be a text of at most {LONGEST_COMMENT} characters")
    return Decision(decision, comment)


def is_approval_id(text: str) -> bool:
    """Whether this could be one: the name of an execution."""
    return re.fullmatch(r"[A-Za-z0-9_-]{1,80}", text) is not None


def refusal(approval: Mapping[str, Any], decision: Decision, *, now: float) -> tuple[int, str] | None:
    """Status and words for an answer that can't count any more; None when it can.

    Args:
        now: seconds since 1970, UTC. The very second of `answer_by` is too late.
    """
    if approval["status"] == "expired":
        return 410, "The time to answer is over."
    if approval["status"] != "waiting":
        return 409, f"The approval was {approval['status']} already."
    given = approval.get("decision")
    if given is not None and (approval.get("delivered") or given != decision.decision):
        return 409, f"The approval was {OUTCOMES[given]} already."
    if now >= approval["answer_by"]:
        return 410, "The time to answer is over."
    return None


def closed(approval: Mapping[str, Any], *, now: float) -> tuple[int, str]:
    """Status and words when the execution no longer waits: answered by another, expired, or stopped."""
    if approval["status"] in OUTCOMES.values() or approval.get("delivered"):
        return 409, "The approval was answered already."
    if approval["status"] == "expired" or now >= approval["answer_by"]:
        return 410, "The time to answer is over."
    return 410, "The execution that asked no longer waits."


def who(authorizer: Mapping[str, Any]) -> str:
    """Who answers: the user that the API's authorizer found."""
    return str(authorizer.get("sub") or authorizer.get("principalId") or "unknown")
