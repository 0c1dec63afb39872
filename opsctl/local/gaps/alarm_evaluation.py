"""CloudWatch: an alarm watches the metric with exactly its dimensions, period by period, M of N, and knows what
missing data mean to it.

MiniStack takes all metrics of that name, whatever their dimensions, as one number, and leaves the state as it is when
there are no data: the alarm of one queue would ring for every queue, and never fall silent.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.alarm_state import SPARE_PERIODS, AlarmState, alarm_state
from opsctl.local.gaps.gap import Gap

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
LATE_SECONDS = 900
"""How far out of order points may be stored."""


class AlarmEvaluation(Gap):
    async def install(self) -> None:
        from ministack.services import cloudwatch

        self._cloudwatch = cloudwatch
        cloudwatch._evaluate_alarm = self._evaluate

    def _evaluate(self, alarm: dict[str, Any]) -> None:
        """Alarms on metric math and anomaly bands are kept and not evaluated."""
        compare = COMPARISONS.get(alarm.get("ComparisonOperator", ""))
        if compare is None or not alarm.get("MetricName"):
            return
        periods = int(alarm.get("EvaluationPeriods") or 1)
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
        values = self._values(alarm, periods + SPARE_PERIODS, statistic)
        threshold = float(alarm.get("Threshold") or 0)
        missing = alarm.get("TreatMissingData") or "missing"
        old = AlarmState(alarm["StateValue"])
        new = alarm_state(
            [None if value is None else compare(value, threshold) for value in values],
            periods=periods, to_alarm=int(alarm.get("DatapointsToAlarm") or periods),
            missing=missing, current=old,
        )  # fmt: skip
        if new != old:
            seen = ", ".join("no data" if value is None else f"{value:g}" for value in reversed(values[-periods:]))
            reason = (
                f"Threshold Crossed: {statistic} of the last {periods} periods, newest first [{seen}]: "
                f"{alarm['ComparisonOperator']} {threshold:g}, missing data {missing}."
            )
            self._change(alarm, old, new, reason)

    def _values(self, alarm: dict[str, Any], count: int, statistic: str) -> list[float | None]:
        """The statistic of the last `count` periods, oldest first. The period that runs counts as soon as it has data:
        a minute's metric is there within seconds here, and within minutes on AWS."""
        period = int(alarm.get("Period") or 60)
        running = int(self.cloud.metrics.now().timestamp()) // period * period
        first = running - count * period
        found: dict[int, list[dict[str, Any]]] = {}
        for point in reversed(self._points(alarm)):
            if point["Timestamp"] < first - LATE_SECONDS:
                break
            if point["Timestamp"] >= first and alarm.get("Unit") in (None, "", point["Unit"]):
                found.setdefault(int(point["Timestamp"]) // period * period, []).append(point)
        newest = running if running in found else running - period
        return [self._statistic(found.get(newest - back * period, []), statistic) for back in reversed(range(count))]

    def _points(self, alarm: dict[str, Any]) -> list[dict[str, Any]]:
        dimensions = {one["Name"]: one["Value"] for one in alarm.get("Dimensions") or []}
        key = alarm["Namespace"], alarm["MetricName"], self._cloudwatch._dims_key(dimensions)
        points: list[dict[str, Any]] = self._cloudwatch._metrics.get(key) or []
        return points

    def _statistic(self, points: list[dict[str, Any]], statistic: str) -> float | None:
        statistics = self._cloudwatch._calc_stats(points)
        if not statistics:
            return None
        value = self._cloudwatch._stat_value(statistics, statistic, points)
        return None if value is None else float(value)

    def _change(self, alarm: dict[str, Any], old: AlarmState, new: AlarmState, reason: str) -> None:
        alarm.update(
            StateValue=new.value, StateReason=reason,
            StateUpdatedTimestamp=int(self.cloud.metrics.now().timestamp()),
        )  # fmt: skip
        self._cloudwatch._record_history(alarm["AlarmName"], old.value, new.value, reason)
        self._cloudwatch._dispatch_alarm_actions(alarm, old.value, new.value, reason)
        self._cloudwatch._evaluate_parent_alarms(alarm)
