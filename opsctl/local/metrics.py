"""CloudWatch metrics that AWS services publish by themselves, from what really happened on the local path.

Values are collected and handed on every few seconds: recording one costs a dictionary access, however many requests
there are, and CloudWatch holds at most one datum for each metric and flush (its own PutMetricData batches likewise).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opsctl.clock import Clock, SystemClock

FLUSH_SECONDS = 5.0


@dataclass(frozen=True)
class Metric:
    """One metric of one place.

    Attributes:
        dimensions: (name, value) pairs, as the AWS service gives them.
        unit: CloudWatch's word: Count, Milliseconds, Bytes, Percent, Seconds, None …
    """

    account_id: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str = "Count"


class Metrics:
    """What was recorded since the last flush."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._values: dict[tuple[Metric, int], Counter[float]] = {}

    def record(self, metric: Metric, value: float = 1.0) -> None:
        """Add one value, now. Its minute is the wall clock's."""
        minute = int(self._clock.now().timestamp()) // 60 * 60
        self._values.setdefault((metric, minute), Counter())[value] += 1

    def record_sets(
        self, dimension_sets: Iterable[Mapping[str, str]], *, account_id: str, region: str, namespace: str,
        values: Mapping[str, tuple[float, str]],
    ) -> None:  # fmt: skip
        """Record several metrics (name → (value, unit)) for each of several sets of dimensions."""
        for dimensions in dimension_sets:
            for name, (value, unit) in values.items():
                self.record(Metric(account_id, region, namespace, name, tuple(dimensions.items()), unit), value)

    def flush(self) -> int:
        """Hand everything to CloudWatch, and have the alarms looked at. Gives the number of data."""
        from ministack.core.responses import request_scope
        from ministack.services import cloudwatch

        taken, self._values = self._values, {}
        for (metric, minute), values in taken.items():
            with request_scope(metric.account_id, metric.region):
                cloudwatch._store_datum(
                    metric.namespace, metric.name, dict(metric.dimensions), float(minute), metric.unit, None,
                    [str(value) for value in values], [str(count) for count in values.values()], None,
                )  # fmt: skip
        for account_id, region in {(metric.account_id, metric.region) for metric, _ in taken}:
            with request_scope(account_id, region):
                cloudwatch._evaluate_all_alarms()
        return len(taken)
