"""How many requests there were lately, for rate-based rules.

AWS estimates: it "checks the rate about every 10 seconds" over the evaluation window (API reference,
RateBasedStatement, EvaluationWindowSec), so that a client passes for a moment after it has reached the limit. Ours
counts each request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from opsctl.waf.web_acl import RateBased

Key = tuple[str, ...]


class RateCounters:
    """Times of the latest requests, by rule and aggregation key. A changed statement starts anew, as on AWS.

    Memory: a key holds at most limit + 1 times; keys that are quiet for a window are forgotten.
    """

    def __init__(self) -> None:
        self._times: dict[tuple[Hashable, RateBased], dict[Key, deque[float]]] = {}
        self._next_sweep = 0.0

    def exceeds(self, rule: Hashable, statement: RateBased, key: Key, now: float) -> bool:
        """Count a request at `now` (seconds); whether there were more than the limit in the window that ends now.

        Args:
            rule: names the rule, unique over all web ACLs.
        """
        self._sweep(now)
        times = self._times.setdefault((rule, statement), {}).setdefault(key, deque(maxlen=statement.limit + 1))
        times.append(now)
        return _is_over(times, statement, now)

    def limited(self, rule: Hashable, statement: RateBased, now: float) -> list[Key]:
        """The keys that are over the limit."""
        found = self._times.get((rule, statement), {})
        return [key for key, times in found.items() if _is_over(times, statement, now)]

    def _sweep(self, now: float) -> None:
        if now < self._next_sweep:
            return
        self._next_sweep = now + 60
        for (rule, statement), keys in list(self._times.items()):
            for key in [key for key, times in keys.items() if times[-1] < now - statement.window_seconds]:
                del keys[key]
            if not keys:
                del self._times[rule, statement]


def _is_over(times: deque[float], statement: RateBased, now: float) -> bool:
    return len(times) == statement.limit + 1 and times[0] > now - statement.window_seconds
