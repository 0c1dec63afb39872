"""Which differences after a refresh are drift, and which only look like it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from opsctl.drift import noise
from opsctl.drift.meaning import canonical, document, is_empty
from opsctl.drift.mirrors import mirrored
from opsctl.drift.refreshed import Instance, Refreshed, Steps, module_words, read_refreshed
from opsctl.terraform.masking import SECRET_NAMES

LONGEST_SHOWN = 80
"""Characters of a value that is shown; of a longer one only the length is told."""


@dataclass(frozen=True)
class Difference:
    """One value that a refresh found changed.

    Attributes:
        path: such as `rule[0].priority`.
        before, after: JSON spelling of the values; None where they are not shown.
        hidden: why they are not: "sensitive", "long" or "".
        reason: why it is noise; "" for drift.
    """

    path: str
    before: str | None
    after: str | None
    hidden: Literal["sensitive", "long", ""]
    reason: str = ""


@dataclass(frozen=True)
class Finding:
    """One resource that is not as Terraform left it, or only looks so.

    Attributes:
        module: such as "photos" ("" in the root module).
        kind: "deleted" where it is gone.
        drift, noise: what differs, and what only seems to.
        before: the resource as Terraform remembers it, values included: never shown.
    """

    address: str
    module: str
    type: str
    kind: Literal["changed", "deleted"]
    drift: tuple[Difference, ...]
    noise: tuple[Difference, ...]
    before: Instance

    @property
    def is_real(self) -> bool:
        return self.kind == "deleted" or bool(self.drift)


def findings_in(plan_file: Path) -> tuple[Finding, ...]:
    """What any saved plan file says about changes outside of Terraform.

    Raises:
        ValueError: it is no plan file.
    """
    return findings(read_refreshed(plan_file))


def findings(refreshed: Refreshed) -> tuple[Finding, ...]:
    """Every resource that the refresh found otherwise, in the order of their addresses."""
    found = []
    for address, before in sorted(refreshed.before.items()):
        after = refreshed.after.get(address)
        if after is None:
            found.append(_finding(before, "deleted", ()))
        elif differences := classify(before, after, refreshed):
            found.append(_finding(before, "changed", differences))
    return tuple(found)


def classify(before: Instance, after: Instance, refreshed: Refreshed) -> tuple[Difference, ...]:
    """Each difference between what Terraform remembers of a resource and what it found, with why it is noise ("" if it
    isn't). What no rule knows is drift.

    Args:
        refreshed: all that was found: what one attribute lists may be another resource.
    """
    differences: list[tuple[Steps, Any, Any, str]] = []
    for attribute in sorted({*before.attributes, *after.attributes}):
        old, new = before.attributes.get(attribute), after.attributes.get(attribute)
        if _same(old, new):
            continue
        reason = (
            noise.owned(after.type, attribute, refreshed.ignores(after))
            or noise.moving(after.type, attribute)
            or noise.released(after.type, attribute, old, new)
            or mirrored(before, after, attribute, refreshed)
        )
        if reason:
            differences.append(((attribute,), old, new, reason))
        else:
            differences += _differences((attribute,), noise.plain(after.type, old), noise.plain(after.type, new)) or [
                ((attribute,), old, new, noise.SPELLING)
            ]
    sensitive = before.sensitive | after.sensitive
    real = {steps for steps, _, _, reason in differences if not reason}
    return tuple(
        _shown(steps, old, new, noise.TAGS if not reason and _repeats_tags(steps, real) else reason, sensitive)
        for steps, old, new, reason in differences
    )


def _differences(steps: Steps, old: Any, new: Any) -> list[tuple[Steps, Any, Any, str]]:
    """The smallest parts in which two values differ."""
    if _same(old, new):
        return []
    if is_empty(old) and is_empty(new):
        return [(steps, old, new, noise.EMPTY)]
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            part
            for key in sorted({*old, *new})
            for part in (
                _differences((*steps, key), old[key], new[key])
                if key in old and key in new
                # A key of a map that came or went is a change, whatever its value: a tag may well be empty.
                else [((*steps, key), old.get(key), new.get(key), "")]
            )
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return _members(steps, old, new)
    same_document = document(old) is not None and canonical(old) == canonical(new)
    return [(steps, old, new, noise.SPELLING if same_document else "")]


def _members(steps: Steps, old: list[Any], new: list[Any]) -> list[tuple[Steps, Any, Any, str]]:
    if any(isinstance(item, dict | list) for item in (*old, *new)):
        parts = [
            part
            for index, pair in enumerate(zip(old, new, strict=True))
            for part in _differences((*steps, index), *pair)
        ]
        # A set is stored sorted: with members spelled otherwise it is sorted otherwise. A list whose members only
        # changed their places was changed.
        if (
            any(not reason for *_, reason in parts)
            and _unordered(old, canonical) == _unordered(new, canonical)
            and _unordered(old, _spelled) != _unordered(new, _spelled)
        ):
            return [(steps, old, new, noise.RESORTED)]
        return parts
    same = canonical(old) == canonical(new)
    return [(steps, old, new, noise.SPELLING if same else "")]


def _unordered(values: list[Any], spelling: Any) -> list[str]:
    return sorted(map(spelling, values))


def _spelled(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _same(old: Any, new: Any) -> bool:
    """Python takes True for 1."""
    return _spelled(old) == _spelled(new)


def _repeats_tags(steps: Steps, real: set[Steps]) -> bool:
    return steps[0] == "tags_all" and any(other[0] == "tags" and other[1:] == steps[1:] for other in real)


def _shown(steps: Steps, old: Any, new: Any, reason: str, sensitive: frozenset[Steps]) -> Difference:
    path = path_text(steps)
    if any(steps[: len(way)] == way[: len(steps)] for way in sensitive) or SECRET_NAMES.search(path):
        return Difference(path, None, None, "sensitive", reason)
    texts = _spelled(old), _spelled(new)
    if max(map(len, texts)) > LONGEST_SHOWN or document(old) is not None or document(new) is not None:
        return Difference(path, None, None, "long", reason)
    return Difference(path, *texts, "", reason)


def path_text(steps: Sequence[str | int]) -> str:
    """`("rule", 0, "tags", "a b")` → `rule[0].tags["a b"]`."""
    return "".join(_steps_text(steps)).lstrip(".")


def _steps_text(steps: Sequence[str | int]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, int):
            yield f"[{step}]"
        else:
            yield f".{step}" if re.fullmatch(r"[\w-]+", step) else f"[{json.dumps(step)}]"


def _finding(before: Instance, kind: Literal["changed", "deleted"], differences: Sequence[Difference]) -> Finding:
    return Finding(
        address=before.address,
        module=module_words(before),
        type=before.type,
        kind=kind,
        drift=tuple(one for one in differences if not one.reason),
        noise=tuple(one for one in differences if one.reason),
        before=before,
    )
