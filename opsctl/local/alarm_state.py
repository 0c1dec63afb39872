"""What state a CloudWatch alarm is in, from the data points of its metric.

Source: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

SPARE_PERIODS = 2
"""Periods that are looked at beyond the evaluation periods, as in the guide's tables (5 points for 3 periods)."""


class AlarmState(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


def alarm_state(
    points: Sequence[bool | None], *, periods: int, to_alarm: int, missing: str, current: AlarmState
) -> AlarmState:
    """The state after one evaluation.

    Args:
        points: the evaluation range, oldest first: breaching, not breaching, or None for no data. It is longer than
            `periods` (SPARE_PERIODS), so that late data are waited for.
        periods: EvaluationPeriods (N).
        to_alarm: DatapointsToAlarm (M).
        missing: TreatMissingData: missing, notBreaching, breaching or ignore. Asked only when fewer than N exist.
        current: the state before; kept where the guide says "retain current state".
    """
    existing = [point for point in points if point is not None]
    if len(existing) >= periods:
        return _judged(sum(existing[-periods:]) >= to_alarm)
    breaching = sum(existing)
    if missing == "breaching":
        return _judged(breaching + periods - len(existing) >= to_alarm)
    if missing == "notBreaching" or breaching >= to_alarm:
        return _judged(breaching >= to_alarm)
    if breaching < len(existing):
        return AlarmState.OK
    if missing == "ignore":
        return current
    # "Premature alarm": all that exists is breaching, and it began long enough ago.
    oldest = next((index for index, point in enumerate(points) if point is not None), len(points))
    return AlarmState.ALARM if len(points) - oldest >= to_alarm else AlarmState.INSUFFICIENT_DATA


def _judged(breaching: bool) -> AlarmState:
    return AlarmState.ALARM if breaching else AlarmState.OK
