from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.network.health import HASTE, NO_CONNECTION, Check, Health, Outcome, State, after, status_codes

CHECK = Check("HTTP", "/health/ready", ((200, 200),), 10, 5, healthy_threshold=2, unhealthy_threshold=3)
PASSED = Outcome()


def after_all(*outcomes: Outcome, health: Health | None = None) -> Health:
    known = health or Health()
    for outcome in outcomes:
        known = after(known, outcome, CHECK)
    return known


HEALTHY = after_all(PASSED, PASSED)


def test_a_target_is_healthy_after_as_many_passes_in_a_row_as_configured() -> None:
    assert after_all(PASSED).state is State.INITIAL
    assert HEALTHY.state is State.HEALTHY
    assert after_all(PASSED, NO_CONNECTION, PASSED).state is State.INITIAL


def test_a_healthy_target_is_unhealthy_after_as_many_failures_in_a_row_as_configured() -> None:
    assert after_all(NO_CONNECTION, NO_CONNECTION, health=HEALTHY).state is State.HEALTHY
    sick = after_all(NO_CONNECTION, NO_CONNECTION, NO_CONNECTION, health=HEALTHY)
    assert (sick.state, sick.reason) == (State.UNHEALTHY, "Target.FailedHealthChecks")
    assert after_all(PASSED, PASSED, health=sick) == replace(HEALTHY, in_a_row=2)


def test_a_target_that_is_still_starting_is_given_the_whole_time_that_was_configured() -> None:
    patience = int(CHECK.unhealthy_threshold * HASTE)
    assert after_all(*[NO_CONNECTION] * (patience - 1)).state is State.INITIAL
    assert after_all(*[NO_CONNECTION] * patience).state is State.UNHEALTHY


@given(st.lists(st.sampled_from([PASSED, NO_CONNECTION]), max_size=40))
def test_the_last_checks_alone_decide_once_there_were_enough(outcomes: list[Outcome]) -> None:
    health = after_all(*outcomes)
    if outcomes[-2:] == [PASSED, PASSED]:
        assert health.state is State.HEALTHY
    if outcomes[-3:] == [NO_CONNECTION] * 3:
        assert health.state is not State.HEALTHY
    assert (health.reason != "") == (health.state is State.UNHEALTHY)


@pytest.mark.parametrize(
    ("matcher", "codes"),
    [("200", ((200, 200),)), ("200,302", ((200, 200), (302, 302))), ("200-399", ((200, 399),))],
)
def test_a_matcher_names_codes_lists_and_ranges(matcher: str, codes: tuple[tuple[int, int], ...]) -> None:
    assert status_codes(matcher) == codes
