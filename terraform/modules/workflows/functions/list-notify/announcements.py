"""How an announcement looks. No AWS here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of(notice: Mapping[str, Any]) -> dict[str, Any]:
    """The announcement of what became of a list: list.ready with result, or list.rejected with problem.

    Raises:
        ValueError: an outcome that is neither.
    """
    source = {"bucket": notice["bucket"], "key": notice["key"], "etag": notice["etag"]}
    match notice["outcome"]:
        case "ready":
            return {**source, "event": "list.ready", "outcome": "ready", "result": notice["result"]}
        case "rejected":
            return {**source, "event": "list.rejected", "outcome": "rejected", "problem": notice["problem"]}
        case other:
            raise ValueError(f"a list is ready or rejected, not {other!r}")
