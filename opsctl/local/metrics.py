"""CloudWatch metrics that AWS services publish by themselves, from what really happened on the local path.

Values are collected and handed on every few seconds: recording one costs a dictionary access, however many requests
there are, and CloudWatch holds each value of a metric once for a minute (a second, where a metric is stored so), with
its count (as PutMetricData does).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any

from opsctl.clock import Clock, SystemClock

FLUSH_SECONDS = 5.0
KEPT_HOURS = 6
"""Points of services are kept so long (AWS: 15 days): 500 metrics make about 6 MB an hour. Storage metrics stay."""


@dataclass(frozen=True)
class Metric:
    """One metric of one place.

    Attributes:
        dimensions: (name, value) pairs, as the AWS service gives them.
        unit: CloudWatch's word: Count, Milliseconds, Bytes, Percent, Seconds, None …
        resolution: seconds by which it is stored: 60, or 1 (CloudWatch: a high-resolution metric).
    """

    account_id: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str = "Count"
    resolution: int = 60


metric = lru_cache(8192)(Metric)
"""As `Metric`, without making an equal one again."""


@lru_cache(8192)
def _dimensions(measured: Metric) -> dict[str, str]:
    """One for all of a metric's points: there are many."""
    return dict(measured.dimensions)


class Metrics:
    """What was recorded since the last flush.

    Attributes:
        gauges: called before each flush: they record what can't be counted as it happens (a queue's length).
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._values: dict[tuple[Metric, int], Counter[float]] = {}
        self._points: dict[tuple[Metric, int, float], dict[str, Any]] = {}
        self._forgotten_at = self._clock.now()
        self._lock = Lock()
        self.gauges: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return self._clock.now()

    def record(self, metric: Metric, value: float = 1.0, times: int = 1, at: float | None = None) -> None:
        """Add a value, seen so many `times`. Its minute is now, or that of `at` (seconds since the epoch)."""
        seconds = int(self._clock.now().timestamp() if at is None else at)
        with self._lock:
            key = metric, seconds // metric.resolution * metric.resolution
            self._values.setdefault(key, Counter())[value] += times

    def record_sets(
        self, dimension_sets: Iterable[Mapping[str, str]], *, account_id: str, region: str, namespace: str,
        values: Mapping[str, tuple[float, str]], resolution: int = 60,
    ) -> None:  # fmt: skip
        """Record several metrics (name → (value, unit)) for each of several sets of dimensions."""
        for dimensions in dimension_sets:
            of = tuple(dimensions.items())
            for name, (value, unit) in values.items():
                self.record(metric(account_id, region, namespace, name, of, unit, resolution), value)

    def flush(self) -> int:
        """Measure, hand everything to CloudWatch, and have all alarms looked at. Gives the number of data."""
        from ministack.core.responses import request_scope
        from ministack.services import cloudwatch

        for gauge in self.gauges:
            try:
                gauge()
            except Exception:
                logging.getLogger("opsctl").exception("measuring")
        handed_on = self.publish()
        oldest = int(self._clock.now().timestamp()) - 300
        self._points = {key: point for key, point in self._points.items() if key[1] >= oldest}
        if self._clock.now() - self._forgotten_at >= timedelta(hours=1):
            self._forget(cloudwatch)
        watched = {(account_id, region) for (account_id, region, _), _ in cloudwatch._alarms.all_items()}
        for account_id, region in watched:
            with request_scope(account_id, region):
                cloudwatch._evaluate_all_alarms()
        return handed_on

    def publish(self) -> int:
        """Hand on what was recorded until now. Gives the number of data."""
        from ministack.services import cloudwatch

        with self._lock:
            taken, self._values = self._values, {}
        for (measured, second), values in taken.items():
            for value, count in values.items():
                self._store(cloudwatch, measured, second, value, count)
        return len(taken)

    def _forget(self, cloudwatch: Any) -> None:
        """Drop what is older than KEPT_HOURS; what programs publish by themselves is theirs."""
        self._forgotten_at = self._clock.now()
        oldest = self._forgotten_at.timestamp() - KEPT_HOURS * 3600
        for (_, _, (namespace, _, _)), points in cloudwatch._metrics.all_items():
            if namespace.startswith("AWS/") and namespace != "AWS/S3":
                points[:] = [point for point in points if point["Timestamp"] >= oldest]

    def _store(self, cloudwatch: Any, measured: Metric, second: int, value: float, count: int) -> None:
        """Add to the point of that value at that time, or make it."""
        from ministack.core.responses import request_scope

        point = self._points.get((measured, second, value))
        if point is not None:
            point["Count"] += count
            return
        dimensions = _dimensions(measured)
        with request_scope(measured.account_id, measured.region):
            bucket = cloudwatch._metric_bucket((measured.namespace, measured.name, cloudwatch._dims_key(dimensions)))
        point = {
            "Timestamp": float(second), "Unit": measured.unit, "Dimensions": dimensions, "Value": float(value),
            "Count": float(count),
        }  # fmt: skip
        if measured.resolution < 60:
            point["Resolution"] = measured.resolution
        bucket.append(point)
        self._points[measured, second, value] = point
