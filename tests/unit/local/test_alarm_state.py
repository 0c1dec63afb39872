"""Alarms are judged as the tables of the CloudWatch user guide say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.alarm_state import AlarmState, alarm_state

OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
KEPT = "retain current state"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
POINTS = {"0": False, "X": True, "-": None}

# "How alarm state is evaluated when data is missing": data points, then the state for each of TREATMENTS.
THREE_OF_THREE = {
    "0-X-X": (OK, OK, OK, OK),
    "0----": (OK, OK, OK, OK),
    "----0": (OK, OK, OK, OK),
    "-----": (NO_DATA, KEPT, ALARM, OK),
    "0XX-X": (ALARM, ALARM, ALARM, ALARM),
    "--X--": (ALARM, KEPT, ALARM, OK),
    "----X": (NO_DATA, KEPT, ALARM, OK),
    "X----": (ALARM, KEPT, ALARM, OK),
}
TWO_OF_THREE = {
    "0-X-X": (ALARM, ALARM, ALARM, ALARM),
    "00X0X": (ALARM, ALARM, ALARM, ALARM),
    "0-X--": (OK, OK, ALARM, OK),
    "----0": (OK, OK, ALARM, OK),
    "----X": (NO_DATA, KEPT, ALARM, OK),
    "---X-": (ALARM, KEPT, ALARM, OK),
}


@pytest.mark.parametrize(("to_alarm", "table"), [(3, THREE_OF_THREE), (2, TWO_OF_THREE)])
@pytest.mark.parametrize("current", list(AlarmState))
def test_the_tables_of_the_user_guide_hold(
    to_alarm: int, table: dict[str, tuple[str, ...]], current: AlarmState
) -> None:
    for points, states in table.items():
        for missing, state in zip(TREATMENTS, states, strict=True):
            found = alarm_state(
                [POINTS[point] for point in points], periods=3, to_alarm=to_alarm, missing=missing, current=current
            )
            assert found == (current if state == KEPT else state), (points, missing)


@given(points=st.lists(st.booleans(), min_size=5, max_size=5), to_alarm=st.integers(1, 3))
def test_with_all_data_there_only_the_last_periods_count(points: list[bool], to_alarm: int) -> None:
    for missing in TREATMENTS:
        found = alarm_state(points, periods=3, to_alarm=to_alarm, missing=missing, current=NO_DATA)
        assert (found == ALARM) == (sum(points[-3:]) >= to_alarm)
