"""How an announcement looks. No AWS here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of(notice: Mapping[str, Any]) -> dict[str, Any]:
    """The announcement of what became of a list: {event: list.ready, result} or {event: list.rejected, problem}.

    Raises:
        ValueError: an outcome that is neither.
    """
    source = {"bucket": notice["bucket"], "key": notice["key"], "etag": notice["etag"]}
    match notice["outcome"]:
        case "ready":
            return {"event": "list.ready", "outcome": "ready", "source": source, "result": notice["result"]}
        case "rejected":
            return {"event": "list.rejected", "outcome": "rejected", "source": source, "problem": notice["problem"]}
        case other:
            raise ValueError(f"a list is ready or rejected, not {other!r}")
