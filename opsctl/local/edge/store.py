"""Answers in memory, the least recently used forgotten first, bounded by bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Store(Generic[K, V]):
    """What fits into `max_bytes`; one value takes at most a quarter of it."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        self.drop(key)
        if size > self.max_bytes // 4:
            return
        self._kept[key] = value, size
        self.bytes += size
        while self.bytes > self.max_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self.bytes -= freed

    def drop(self, key: K) -> None:
        _, freed = self._kept.pop(key, (None, 0))
        self.bytes -= freed

    def drop_where(self, condition: Callable[[K], bool]) -> int:
        """Forget every key for which `condition` holds; gives their number."""
        gone = [key for key in self._kept if condition(key)]
        for key in gone:
            self.drop(key)
        return len(gone)

    def __len__(self) -> int:
        return len(self._kept)
