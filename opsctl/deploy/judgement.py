"""Is a new version as good as the old one? Decided on counts, so that a few requests don't decide by chance.

errors      Fisher's exact test: would the old version's errors and the new one's fall apart like this if both were
            alike? And a binomial test against the largest error rate that is ever accepted.
slowness    CloudWatch tells percentiles, not durations. "The new version's p75 is above the old one's p99" says that a
            quarter of its requests are slower than all but 1 % of the old one's: the same test counts those. It must
            also be slower by a factor and a margin that somebody would notice, and in ten requests: the first ones of
            any version are slow (imports, connections).

Looking often finds something by chance, too: each step may err once in 1,000 times, all its looks together. Most of
that is kept for the look that ends it.
Sources: R. A. Fisher, The Design of Experiments (1935), ch. 2; the test of ranks is L. Nelson's precedence test (1963).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CHANCE_OF_ERROR = 1e-3
"""Of returning a version at a step that is as good as the old one."""
SHARE_OF_LAST_LOOK = 0.9
WORSE_BY = 0.005
"""Errors of less than half a percent more are nobody's reason to return a version, however sure they are."""
SLOWER_TIMES, SLOWER_BY_MS = 2.0, 100.0
SLOW_REQUESTS = 10
QUANTILES = (0.99, 0.95, 0.9, 0.75, 0.5)
OF_TIMEOUT = 0.8
"""A p99 above this share of the function's own timeout is too slow, whatever the old version does."""


@dataclass(frozen=True)
class Limits:
    """What a new version has to keep, and how long one waits to see it.

    Attributes:
        minimum_requests: that the new version must have served before a step counts. 20: enough to tell one that fails
            in every third request from one that doesn't, and few enough for a quiet function.
        max_error_rate: 0 to 1; above it a version is bad even if the old one is no better.
        max_p99_ms: likewise; None: 80 % of the function's timeout.
        patience_seconds: how much longer than its time a step may take to get its sample, and how long nothing may be
            seen. Then it goes back: missing data is not health.
    """

    minimum_requests: int = 20
    max_error_rate: float = 0.05
    max_p99_ms: float | None = None
    patience_seconds: float = 600.0


LIMITS = Limits()


@dataclass(frozen=True)
class Sample:
    """What one version did in a window.

    Attributes:
        durations_ms: quantile (one of QUANTILES) → duration; empty without a request.
    """

    requests: int = 0
    errors: int = 0
    durations_ms: Mapping[float, float] = field(default_factory=dict)

    @property
    def p99_ms(self) -> float | None:
        return self.durations_ms.get(0.99)

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    def evidence(self) -> dict[str, Any]:
        """For a decision."""
        return {"requests": self.requests, "errors": self.errors} | {
            f"p{100 * quantile:g}_ms": round(ms, 1) for quantile, ms in self.durations_ms.items()
        }


def what_is_wrong(new: Sample, old: Sample, limits: Limits, *, looks: int, last: bool) -> str:
    """Why the new version has to go back, in one sentence; empty while nothing says so.

    Args:
        old: of the same window where both serve, otherwise of a window before.
        limits: with `max_p99_ms` filled in, or slowness is only compared.
        looks: how many there are in this step at most.
        last: the step's time is over and its sample is there: this look ends it.
    """
    chance = CHANCE_OF_ERROR * (SHARE_OF_LAST_LOOK if last else (1 - SHARE_OF_LAST_LOOK) / max(1, looks))
    # Four questions are asked of the same sample.
    chance /= 4
    return (
        _errors_above_limit(new, limits, chance) or _more_errors(new, old, chance)
        or _slower(new, old, chance) or _slower_than_limit(new, limits, chance)
    )  # fmt: skip


def _errors_above_limit(new: Sample, limits: Limits, chance: float) -> str:
    limit = limits.max_error_rate
    if new.error_rate <= limit or binomial_tail(new.errors, new.requests, limit) > chance:
        return ""
    return f"{new.errors} of {new.requests} requests failed; {limit:.1%} is the most that is accepted"


def _more_errors(new: Sample, old: Sample, chance: float) -> str:
    if new.error_rate <= old.error_rate + WORSE_BY:
        return ""
    if hypergeometric_tail(new.errors, new.requests, new.errors + old.errors, new.requests + old.requests) > chance:
        return ""
    return (
        f"{new.errors} of {new.requests} requests failed, "
        f"and {old.errors} of {old.requests} of the version before"
    )  # fmt: skip


def _slower(new: Sample, old: Sample, chance: float) -> str:
    before = old.p99_ms
    if before is None:
        return ""
    old_slow = math.ceil(old.requests * 0.01)
    for quantile, slow in _slow_requests(new):
        unlikely = hypergeometric_tail(slow, new.requests, slow + old_slow, new.requests + old.requests) <= chance
        ms = new.durations_ms[quantile]
        if unlikely and ms > max(SLOWER_TIMES * before, before + SLOWER_BY_MS):
            return (
                f"p{100 * quantile:g} of {new.requests} requests is {ms:,.0f} ms; "
                f"of the version before p99 is {before:,.0f} ms"
            )  # fmt: skip
    return ""


def _slower_than_limit(new: Sample, limits: Limits, chance: float) -> str:
    if limits.max_p99_ms is None:
        return ""
    for quantile, slow in _slow_requests(new):
        ms = new.durations_ms[quantile]
        if ms > limits.max_p99_ms and binomial_tail(slow, new.requests, 0.01) <= chance:
            return (
                f"p{100 * quantile:g} of {new.requests} requests is {ms:,.0f} ms; "
                f"99 % may take {limits.max_p99_ms:,.0f} ms at most"
            )  # fmt: skip
    return ""


def _slow_requests(sample: Sample) -> list[tuple[float, int]]:
    """(quantile, requests at or above it) where there are enough of them to speak of."""
    counted = [(quantile, math.floor(sample.requests * (1 - quantile) + 1e-9)) for quantile in QUANTILES]
    return [(quantile, slow) for quantile, slow in counted if slow >= SLOW_REQUESTS and quantile in sample.durations_ms]


def binomial_tail(hits: int, draws: int, chance: float) -> float:
    """P(at least `hits` of `draws`) where each hits with `chance`."""
    if hits <= 0:
        return 1.0
    if chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0
    return _sum(
        _log_choose(draws, k) + k * math.log(chance) + (draws - k) * math.log1p(-chance)
        for k in range(hits, draws + 1)
    )  # fmt: skip


def hypergeometric_tail(hits: int, draws: int, marked: int, total: int) -> float:
    """P(at least `hits` marked ones among `draws` of `total`, of which `marked` are). One-sided Fisher's exact test."""
    if hits <= max(0, draws + marked - total):
        return 1.0
    return _sum(
        _log_choose(marked, k) + _log_choose(total - marked, draws - k) - _log_choose(total, draws)
        for k in range(hits, min(draws, marked) + 1)
    )  # fmt: skip


def _sum(logarithms: Any) -> float:
    return min(1.0, math.fsum(math.exp(value) for value in logarithms))


def _log_choose(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
