"""How traffic moves from one version to the next: a strategy in words, and the steps that it has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opsctl.errors import UsageError

BAKE_SECONDS = 60.0
"""How long the new version is watched with all of the traffic, unless said otherwise."""
LONGEST_SECONDS = 48 * 3600.0
"""CodeDeploy, which does the same for SAM and CDK, waits two days at most (user guide, "Lambda deployment configs")."""

GRAMMAR = "canary:10%:5m, linear:10%:1m or all-at-once (percent 1 to 99; time in s, m or h)"
UNITS = {"s": 1, "m": 60, "h": 3600}


class BadStrategy(UsageError):
    """It is no strategy."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text!r} is no strategy: {why}.", next=f"Write {GRAMMAR}.")


@dataclass(frozen=True)
class Step:
    """A share of the traffic and how long it is watched.

    Attributes:
        percent: of the traffic that the new version gets; 100 in the last step.
        seconds: watched at least so long, on AWS's clock (a local environment's `time_scale` shortens it).
    """

    percent: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.percent:g} %"


def parse_strategy(text: str, *, bake_seconds: float = BAKE_SECONDS) -> tuple[Step, ...]:
    """The steps of `canary:10%:5m`, `linear:10%:1m` or `all-at-once`; the last one has all of the traffic.

    Args:
        bake_seconds: how long the last one is watched: a version may turn out bad only now.

    Raises:
        BadStrategy
    """
    name, *parts = text.strip().split(":")
    last = Step(100.0, bake_seconds)
    if name == "all-at-once" and not parts:
        return (last,)
    if name not in ("canary", "linear"):
        raise BadStrategy(text, f"there is no {name!r}" if name != "all-at-once" else "all-at-once has no parts")
    if len(parts) != 2:
        raise BadStrategy(text, f"{name} has a share and a time")
    percent, seconds = _percent(text, parts[0]), parse_duration(parts[1])
    if name == "canary":
        return (Step(percent, seconds), last)
    shares = [percent * number for number in range(1, int(100 // percent) + 1)]
    return (*(Step(share, seconds) for share in shares if share < 100), last)


def parse_duration(text: str) -> float:
    """Seconds of a time such as 90s, 5m or 1.5h.

    Raises:
        UsageError: it is none, nothing, or longer than two days.
    """
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh])", text.strip())
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= LONGEST_SECONDS:
        raise UsageError(f"{text!r} is no time from 1s to 48h.", next="Write it as 90s, 5m or 1h.")
    return seconds


def _percent(text: str, share: str) -> float:
    found = re.fullmatch(r"([0-9]{1,2})%", share)
    if not found or not 1 <= int(found[1]) <= 99:
        raise BadStrategy(text, f"{share!r} is no share from 1% to 99%")
    return float(found[1])
