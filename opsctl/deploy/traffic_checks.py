"""What a function's own deploy.toml asks of a new version before it gets traffic, and once it has some.

after = ["auth-rotation"]              functions that are deployed before it, when both are

[[pre_traffic]]                        the new version is asked directly; nobody else sees it yet
event = { path = "/auth/jwks" }
expect = { statusCode = 200 }          part of the answer: tables may hold more, everything else must be equal
# error = "InvalidEntry"               or the type of the error that is right

[post_traffic]
checks = ["token-missing"]             smoke checks, again and again while the steps are watched
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from opsctl.builds.packages import DEPLOY_RULES
from opsctl.errors import UsageError


class BadDeployRules(UsageError):
    """A deploy.toml can't be read, or says something that we don't know. `where` names the file."""


@dataclass(frozen=True)
class Probe:
    """One question to a version, and what must be in its answer.

    Attributes:
        event: what the function is invoked with.
        expect: part of the answer; None: any answer that is no error.
        error: type of the error that is expected; empty: none.
    """

    event: Any
    expect: Any = None
    error: str = ""

    def what_is_wrong(self, answer: Any, error: str) -> str:
        """One sentence; empty when it is as expected. Values of the answer are not told: they may be secret."""
        if error != self.error:
            return f"it answered with {error or 'no error'}, not with {self.error or 'success'}"
        place = difference(self.expect, answer)
        return f"its answer is not as expected at {place}" if place else ""


@dataclass(frozen=True)
class DeployRules:
    """What a deploy.toml says."""

    after: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()
    checks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> DeployRules:
        probes = tuple(Probe(**probe) for probe in document["probes"])
        return cls(tuple(document["after"]), probes, tuple(document["checks"]))


def read_rules(folder: Path) -> DeployRules:
    """The rules beside a function's handler; none where there is no file.

    Raises:
        BadDeployRules
    """
    file = folder / DEPLOY_RULES
    if not file.is_file():
        return DeployRules()
    try:
        return parse_rules(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        raise BadDeployRules(f"{DEPLOY_RULES} can't be used: {error}.", where=str(file)) from error


def parse_rules(document: Mapping[str, Any]) -> DeployRules:
    """Raises:
    ValueError: what is wrong, without a full stop.
    """
    _know(document, {"after", "pre_traffic", "post_traffic"}, "")
    given, after_shift = document.get("pre_traffic", []), document.get("post_traffic", {})
    if not isinstance(after_shift, dict):
        raise ValueError("post_traffic must be a table")
    _know(after_shift, {"checks"}, "post_traffic.")
    probes = [_probe(item) for item in (given if isinstance(given, list) else [given])]
    return DeployRules(
        _names(document.get("after", []), "after"), tuple(probes),
        _names(after_shift.get("checks", []), "post_traffic.checks"),
    )  # fmt: skip


def _probe(item: Any) -> Probe:
    if not isinstance(item, dict) or "event" not in item:
        raise ValueError("pre_traffic needs an event")
    _know(item, {"event", "expect", "error"}, "pre_traffic.")
    try:
        json.dumps(item)
    except TypeError as error:
        raise ValueError("pre_traffic holds what JSON can't say (a date?)") from error
    if not isinstance(item.get("error", ""), str):
        raise ValueError("pre_traffic.error must be the name of an error's type")
    return Probe(item["event"], item.get("expect"), item.get("error", ""))


def _know(table: Mapping[str, Any], known: set[str], place: str) -> None:
    if unknown := sorted(set(table) - known):
        raise ValueError(f"{place}{unknown[0]} is unknown; known are {', '.join(sorted(known))}")


def _names(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ValueError(f"{place} must be a list of names")
    return tuple(value)


def difference(expected: Any, answer: Any, place: str = "answer") -> str:
    """The first place where an answer is not what is expected; empty when it is. A text that should be a table is read
    as JSON first, as API Gateway's `body` is one.
    """
    if expected is None:
        return ""
    if isinstance(expected, dict):
        if isinstance(answer, str):
            try:
                answer = json.loads(answer)
            except ValueError:
                return place
        if not isinstance(answer, dict):
            return place
        return next(
            (found for key, value in expected.items() if (found := _of(value, answer, key, f"{place}.{key}"))), ""
        )
    return "" if type(expected) is type(answer) and expected == answer else place


def _of(expected: Any, answer: Mapping[str, Any], key: str, place: str) -> str:
    return difference(expected, answer[key], place) if key in answer else place


def in_order(names: Sequence[str], after: Mapping[str, Iterable[str]]) -> list[str]:
    """The names, each behind those of `after` that are among them; otherwise as given.

    Raises:
        UsageError: they wait for each other.
    """
    left, done = list(dict.fromkeys(names)), list[str]()
    while left:
        ready = next((name for name in left if not set(after.get(name, ())) & set(left) - {name}), None)
        if ready is None:
            raise UsageError(
                f"These functions wait for each other: {', '.join(left)}.",
                where=f"`after` in their {DEPLOY_RULES}", next="Deploy them one after the other, or drop one `after`.",
            )  # fmt: skip
        left.remove(ready)
        done.append(ready)
    return done
