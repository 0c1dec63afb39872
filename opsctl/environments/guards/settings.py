"""`[environments.NAME.guards]` in opsctl.toml, read field by field; every mistake is named by its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from opsctl.config import ConfigError
from opsctl.environments.approvals.policy import ApprovalPolicy
from opsctl.environments.guards.freeze import Unreadable, Window, parse_window
from opsctl.environments.guards.rules import GATES, Guards

Parser = Callable[[Any, str], Any]
"""Takes a value and the path where it stands."""


def parse_guards(table: Any, place: str) -> Guards:
    """The guards of an environment.

    Args:
        table: as TOML has it.
        place: its path, for errors.

    Raises:
        ConfigError: a field is unknown or malformed; `where` names it.
    """
    said = _fields(table, GUARDS, place, "a guard")
    copied = not (said.get("protected") or said.get("protect_stateful"))
    return Guards(**{"ephemeral": copied} | said)


def _fields(table: Any, parsers: Mapping[str, Parser], place: str, meaning: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f"It must be a table; it is {table!r}.", where=place)
    if unknown := sorted(set(table) - set(parsers)):
        raise ConfigError(f"{unknown[0]!r} is not {meaning}.", where=f"{place} -> {unknown[0]}",
                          next=f"Known: {', '.join(parsers)}.")  # fmt: skip
    return {name: parsers[name](value, f"{place} -> {name}") for name, value in table.items()}


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"It must be true or false; it is {value!r}.", where=place)
    return value


def _whole(smallest: int) -> Parser:
    def parse(value: Any, place: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
            raise ConfigError(f"It must be a whole number from {smallest} on; it is {value!r}.", where=place)
        return value

    return parse


def _list(value: Any, place: str) -> list[Any]:
    # An empty list could mean "none is allowed" or "all are": nobody should have to guess.
    if not isinstance(value, list) or not value:
        raise ConfigError(f"It must be a list that names something; it is {value!r}.", where=place,
                          next="Leave the field out for no guard.")  # fmt: skip
    return value


def _texts(pattern: str, meaning: str) -> Parser:
    def parse(value: Any, place: str) -> tuple[str, ...]:
        for number, item in enumerate(_list(value, place), 1):
            if not isinstance(item, str) or not re.fullmatch(pattern, item):
                raise ConfigError(f"It must be {meaning}; it is {item!r}.", where=f"{place} -> {number}")
        return tuple(value)

    return parse


def _gates(value: Any, place: str) -> tuple[str, ...]:
    for number, item in enumerate(_list(value, place), 1):
        if not isinstance(item, str) or item not in GATES:
            raise ConfigError(f"This version has no gate {item!r}.", where=f"{place} -> {number}",
                              next=f"Gates: {', '.join(GATES)}.")  # fmt: skip
    return tuple(dict.fromkeys(value))


def _moment(value: Any, place: str) -> str:
    """As `parse_window` takes it: TOML has dates and times of its own, without quotes."""
    if isinstance(value, datetime | time) and value.tzinfo:
        raise ConfigError("It must be a local time: `zone` says where.", where=place)
    if isinstance(value, date | time):
        return value.isoformat()
    return _text(value, place)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"It must be a text that is not empty; it is {value!r}.", where=place)
    return value


def _zone(value: Any, place: str) -> tzinfo:
    name = _text(value, place)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(
            f"There is no time zone {name!r} on this machine.", where=place,
            next="Names are such as Europe/Vienna; where all fail, install tzdata.",
        ) from error  # fmt: skip


def _windows(value: Any, place: str) -> tuple[Window, ...]:
    return tuple(_window(item, f"{place} -> {number}") for number, item in enumerate(_list(value, place), 1))


def _window(value: Any, place: str) -> Window:
    said = _fields(value, WINDOW, place, "a field of a freeze window")
    for name in ("from", "until"):
        if name not in said:
            raise ConfigError(f"A freeze window needs `{name}`.", where=f"{place} -> {name}")
    try:
        return parse_window(said["from"], said["until"], said.get("zone", UTC), said.get("why", ""))
    except Unreadable as error:
        raise ConfigError(
            f"The freeze window can't be read: {error}.", where=place,
            next='from and until are both "2026-12-20" or "2026-12-20 18:00", both "Fri 16:00", or both "22:00".',
        ) from error  # fmt: skip


def _approvals(value: Any, place: str) -> ApprovalPolicy:
    return ApprovalPolicy(**_fields(value, APPROVALS, place, "a field of approvals"))


WINDOW: Mapping[str, Parser] = {"from": _moment, "until": _moment, "zone": _zone, "why": _text}
APPROVALS: Mapping[str, Parser] = {"required": _whole(0), "other_than_requester": _flag, "minutes": _whole(1)}
GUARDS: Mapping[str, Parser] = {
    "accounts": _texts(r"\d{12}", "an account's 12 digits, as text"),
    "regions": _texts(r"[a-z]{2}(-[a-z]+)+-\d", "a region such as eu-central-1"),
    "branches": _texts(r"\S+", 'a branch or a glob such as "release/*"'),
    "clean_tree": _flag,
    "freeze": _windows,
    "protected": _texts(r"\S.*", "a resource type, an address or a glob of them"),
    "protect_stateful": _flag,
    "max_destroys": _whole(0),
    "gates": _gates,
    "approvals": _approvals,
    "reason_required": _flag,
    "ephemeral": _flag,
}
