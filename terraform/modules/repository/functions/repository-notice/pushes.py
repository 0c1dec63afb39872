"""What a repository's event says. No AWS here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BRANCHES = "refs/heads/"


class NotAPush(ValueError):
    """An event of another kind, or of another shape. It ends in the failure queue with this as its reason."""


@dataclass(frozen=True)
class Push:
    """One branch that was made ("created"), moved ("updated") or deleted ("deleted"), by whom, and when.

    `id` is the same however often the event is delivered, and sorts by time.
    """

    id: str
    repository: str
    branch: str
    commit_id: str
    what: str
    who: str
    at: str


def pushes_in(event: Mapping[str, Any]) -> Iterator[Push]:
    """The pushes of a CodeCommit event; none for the event by which a trigger is tested.

    Raises:
        NotAPush
    """
    for record in event.get("Records") or [{}]:
        if record.get("eventSource") != "aws:codecommit":
            raise NotAPush(f"an event of {record.get('eventSource')}")
        if record["eventName"] == "TriggerEventTest":
            continue
        for reference in record["codecommit"]["references"]:
            what = "created" if reference.get("created") else "deleted" if reference.get("deleted") else "updated"
            yield Push(
                id=f"{record['eventTime']}#{record['eventId']}",
                repository=record["eventSourceARN"].rpartition(":")[2],
                branch=reference["ref"].removeprefix(BRANCHES),
                commit_id=reference["commit"],
                what=what,
                who=record["userIdentityARN"],
                at=record["eventTime"],
            )
