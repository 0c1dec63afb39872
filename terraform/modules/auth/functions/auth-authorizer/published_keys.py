"""The keys that tokens may be signed by, kept for a while. No AWS here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class PublishedKeys:
    """The published key set, fetched when it is old, or when it lacks a key that a token names.

    A made-up key id costs at most one fetch in `at_most_every_seconds`, whoever sends how many. A fetch that fails
    leaves what we have in use; without any it fails.

    Args:
        fetch: gives the key set (RFC 7517); a key that signs no longer has its end in `exp`, epoch seconds.
        clock: epoch seconds.
    """

    def __init__(
        self, fetch: Callable[[], Mapping[str, Any]], clock: Callable[[], float], *,
        keep_seconds: float = 300, at_most_every_seconds: float = 10,
    ) -> None:  # fmt: skip
        self._fetch, self._clock = fetch, clock
        self._keep, self._pause = keep_seconds, at_most_every_seconds
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._tried_at = float("-inf")

    def find(self, key_id: str) -> Mapping[str, Any] | None:
        """The key of this id, None if there is none or its time is over."""
        age = self._clock() - self._tried_at
        if age >= self._keep or (key_id not in self._keys and age >= self._pause):
            self._refresh()
        key = self._keys.get(key_id)
        return key if key and key.get("exp", float("inf")) > self._clock() else None

    def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = {key["kid"]: key for key in self._fetch()["keys"]}
        except Exception:
            if not self._keys:
                self._tried_at = float("-inf")
                raise
