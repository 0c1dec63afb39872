"""What of an estate an area of resources holds: roles, users, what runs as a role. Looked up, not searched by pairs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from typing import Generic, TypeVar

from opsctl.hcl.symbols import SYMBOL, is_symbolic
from opsctl.iam.escalation.holdings import Area
from opsctl.iam.patterns import TooLarge, compiled, encode, overlap
from opsctl.iam.vocabulary import vocabulary

T = TypeVar("T")
WILD = "*?"


def resource_part(text: str) -> str:
    """What follows an ARN's fifth colon; "" where a pattern's wildcard comes before it."""
    parts = text.split(":", 5)
    return parts[5] if len(parts) == 6 else ""


@lru_cache(maxsize=1 << 16)
def literal_start(pattern: str) -> str:
    """The text before a pattern's first wildcard."""
    return pattern[: min((at for at in map(pattern.find, WILD) if at >= 0), default=len(pattern))]


@lru_cache(maxsize=1 << 16)
def fits(pattern: str, arn: str) -> bool:
    """Whether a pattern holds an ARN, where an account or region that isn't known may be the other one's."""
    if pattern == "*" or pattern == arn:
        return True
    ours, theirs = pattern.split(":", 5), arn.split(":", 5)
    if len(ours) < 6 or len(theirs) < 6:
        return compiled(pattern, "resource").matches(encode(arn))
    ends = all(compiled(ours[at], "glob").matches(encode(theirs[at])) for at in (0, 1, 2, 5))
    return ends and all(
        one == other or is_symbolic(one) or is_symbolic(other) or compiled(one, "glob").matches(encode(other))
        for one, other in zip(ours[3:5], theirs[3:5], strict=True)
    )


def begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


@lru_cache(maxsize=1 << 16)
def touches(one: str, other: str) -> bool:
    """Whether two patterns share an ARN. Part by part: a name with colons in it that would be in both is nobody's."""
    ours, theirs = SYMBOL.sub("*", one), SYMBOL.sub("*", other)
    if not begin_alike(literal_start(ours), literal_start(theirs)):
        return False
    parts = list(zip(ours.split(":", 5), theirs.split(":", 5), strict=False))
    try:
        if ours.count(":") >= 5 and theirs.count(":") >= 5:
            return all(overlap(mine, their, "glob") is not None for mine, their in parts)
        return overlap(ours, theirs, "glob") is not None
    except TooLarge:
        return True


@lru_cache(maxsize=1024)
def kinds_of(action: str) -> tuple[str, ...]:
    """Patterns of all that an action can be done to; () where it knows no resources, or nobody knows it."""
    known = vocabulary().action(action)
    uses = known.resource_types if known is not None else ()
    return tuple(arn for use in uses for arn in vocabulary().resource_arns(action.partition(":")[0], use.name))


def is_open(area: Area) -> bool:
    """Whether it may hold several things: a wildcard in the name, or a value that isn't known."""
    return any(
        any(letter in (resource_part(pattern) or pattern) for letter in WILD) or pattern.startswith("⟦")
        for pattern, _, _ in area.parts
    )


class Register(Generic[T]):
    """Things by ARN. Cost of a look-up: the things that share a pattern's literal beginning; equal ones once."""

    def __init__(self, things: Iterable[tuple[str, T]]) -> None:
        self._rows = sorted(((resource_part(arn), arn, at, thing) for at, (arn, thing) in enumerate(things)),
                            key=lambda row: row[:3])  # fmt: skip
        self._keys = [row[0] for row in self._rows]
        self._found: dict[Area, tuple[T, ...]] = {}

    @property
    def things(self) -> list[T]:
        return [thing for *_, thing in sorted(self._rows, key=lambda row: row[2])]

    def within(self, area: Area) -> tuple[T, ...]:
        found = self._found.get(area)
        if found is None:
            rows = {at: (order, thing) for part in area.parts for at, order, thing in self._matching(*part)}
            found = self._found[area] = tuple(thing for _, thing in sorted(rows.values(), key=lambda row: row[0]))
        return found

    def _matching(
        self, pattern: str, within: tuple[str, ...], without: tuple[str, ...]
    ) -> Iterable[tuple[int, int, T]]:
        start = literal_start(resource_part(pattern))
        for at in range(bisect_left(self._keys, start), len(self._rows)):
            key, arn, order, thing = self._rows[at]
            if not key.startswith(start):
                return
            if all(fits(each, arn) for each in (pattern, *within)) and not any(fits(each, arn) for each in without):
                yield at, order, thing
