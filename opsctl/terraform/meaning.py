"""What a plan would do, as hashes: two plans mean the same when they would do the same to the same things.

A value goes in hashed with a key that lies where the state lies (`opsctl.environments.secrets`), so that nobody who
sees a hash can try short secrets against it: who has the key can read the values in the state anyway. These hashes stay
in memory; what is stored or shown is one over all of them (`Plan.meaning`).

What goes in: addresses, actions, reasons, and of each attribute that changes its value before and after. What doesn't:
attributes that stay as they are, values that are known only after the apply (that they are unknown does), the values of
what is deleted (its id does), the order of anything that has none. Where an unknown value comes from is the
configuration's to say, which is why a saved plan is bound to that as well.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opsctl.terraform.plan import Change, Plan

Hashes = Mapping[str, str]
"""Attribute → keyed hash of how it changes. Under "" of all that is no attribute: action, reasons, identity."""

UNKNOWN = ["unknown"]
GONE = (["delete"], ["forget"])


ABOUT = ("mode", "type", "deposed", "previous_address", "action_reason")
"""What a resource_change says of a resource beside its address and its change."""


def hashes_of_resource(resource: Mapping[str, Any], key: bytes) -> Hashes:
    """How a resource changes: one of `resource_changes`."""
    return _hashes(resource["address"], resource["change"], key, [resource.get(name) for name in ABOUT])


def hashes_of_output(name: str, change: Mapping[str, Any], key: bytes) -> Hashes:
    """How an output changes: one of `output_changes`. Unlike a resource it may have any type."""
    values = {part: {"value": change.get(part)} for part in ("before", "after", "after_unknown")}
    return _hashes(f"output.{name}", {"actions": change["actions"]} | values, key, [])


def _hashes(address: str, change: Mapping[str, Any], key: bytes, about: list[Any]) -> Hashes:
    before, after, unknown = (change.get(part) or {} for part in ("before", "after", "after_unknown"))
    rest = {
        "actions": change["actions"],
        "importing": change.get("importing"),
        "replace_paths": sorted(map(canonical, change.get("replace_paths") or ())),
        "about": about,
        # Other values of what goes may be such as move by themselves (the age of a backup).
        "was": before.get("id") if {"delete", "forget"} & {*change["actions"]} else None,
    }
    parts: dict[str, Any] = {"": rest}
    if change["actions"] not in GONE:
        for name in {*before, *after, *unknown}:
            found = difference(before.get(name), after.get(name), unknown.get(name))
            if found is not None:
                parts[name] = found
    return {
        name: hmac.new(key, canonical([address, name, part]).encode(), hashlib.sha256).hexdigest()
        for name, part in parts.items()
    }


def difference(before: Any, after: Any, unknown: Any) -> Any:
    """How a value changes, at any depth; None where it stays. What is null and what is missing are the same."""
    if unknown is True:
        return UNKNOWN
    if isinstance(before, dict) and isinstance(after, dict):
        inside = unknown if isinstance(unknown, dict) else {}
        parts = {
            name: found
            for name in {*before, *after, *inside}
            if (found := difference(before.get(name), after.get(name), inside.get(name))) is not None
        }
        return ["object", parts] if parts else None
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        flags = _flags(unknown, len(after))
        items = [difference(*item) for item in zip(before, after, flags, strict=True)]
        return ["list", items] if any(item is not None for item in items) else None
    was, will_be = _plain(before, None), _plain(after, unknown)
    return None if canonical(was) == canonical(will_be) else ["value", was, will_be]


def meaning_of(changes: Iterable[Change], outputs: Mapping[str, Hashes], *, destroy: bool) -> str:
    """One hash (64 hex digits) over all that a plan would do."""
    everything = [
        destroy,
        sorted(sorted(change.hashes.items()) for change in changes),
        sorted([name, sorted(hashes.items())] for name, hashes in outputs.items()),
    ]
    return hashlib.sha256(canonical(everything).encode()).hexdigest()


WOULD_BE = {
    "create": "created", "update": "changed", "replace": "replaced", "delete": "destroyed", "read": "read",
    "forget": "forgotten", "no-op": "taken over or renamed",
}  # fmt: skip


def differences(saved: Plan, fresh: Plan) -> tuple[str, ...]:
    """What `fresh` would do otherwise than `saved`, one line per address, in people's words and without a value."""
    lines = []
    old, new = _by_address(saved.changes), _by_address(fresh.changes)
    for address in sorted({*old, *new}):
        was, now = old.get(address), new.get(address)
        if was is None and now is not None:
            lines.append(f"{address}: would now be {_verb(now)}; the saved plan leaves it alone")
        elif now is None and was is not None:
            lines.append(f"{address}: would no longer be {_verb(was)}")
        elif was and now and was.action is not now.action:
            lines.append(f"{address}: would now be {_verb(now)}, not {_verb(was)}")
        elif was and now and was.hashes != now.hashes:
            lines.append(f"{address}: would be {_verb(now)} otherwise ({_names(was.hashes, now.hashes)})")
    for name in sorted({*saved.outputs, *fresh.outputs}):
        if saved.outputs.get(name) != fresh.outputs.get(name):
            lines.append(f"output {name}: would get another value")
    return tuple(lines)


def canonical(value: Any) -> str:
    """JSON in the one spelling that equal values share. 1 and true differ in it, as 1 and 1.0 do."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _plain(value: Any, unknown: Any) -> Any:
    """A value without its nulls, and with a mark where it is unknown."""
    if unknown is True:
        return UNKNOWN
    if isinstance(value, dict) or (value is None and isinstance(unknown, dict)):
        value, inside = value or {}, unknown if isinstance(unknown, dict) else {}
        parts = {name: _plain(value.get(name), inside.get(name)) for name in {*value, *inside}}
        return ["object", {name: part for name, part in parts.items() if part is not None}]
    if isinstance(value, list):
        length = max(len(value), len(unknown) if isinstance(unknown, list) else 0)
        padded = [*value, *[None] * (length - len(value))]
        return ["list", [_plain(*item) for item in zip(padded, _flags(unknown, length), strict=True)]]
    return value


def _flags(unknown: Any, length: int) -> list[Any]:
    flags = unknown if isinstance(unknown, list) else []
    return [*flags, *[None] * length][:length]


def _by_address(changes: Iterable[Change]) -> dict[str, Change]:
    """A deposed object has the address of the one that took its place: it is told apart by its own hash."""
    found: dict[str, Change] = {}
    for change in sorted(changes, key=lambda c: (c.address, c.hashes.get("", ""))):
        name = change.address
        while name in found:
            name += " (deposed)"
        found[name] = change
    return found


def _verb(change: Change) -> str:
    return WOULD_BE[change.action.value]


def _names(was: Hashes, now: Hashes) -> str:
    names = sorted(name or "its reasons" for name in {*was, *now} if was.get(name) != now.get(name))
    return ", ".join(names)
