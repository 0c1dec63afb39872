"""A strategy in words, and its steps."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.deploy.strategy import Step, parse_duration, parse_strategy
from opsctl.errors import UsageError


def test_a_canary_gets_its_share_for_its_time_and_then_everything() -> None:
    assert parse_strategy("canary:10%:5m") == (Step(10, 300), Step(100, 60))


def test_linear_adds_its_share_each_time_until_everything_is_moved() -> None:
    assert [step.percent for step in parse_strategy("linear:30%:90s")] == [30, 60, 90, 100]
    assert [step.percent for step in parse_strategy("linear:25%:1m")] == [25, 50, 75, 100]
    assert {step.seconds for step in parse_strategy("linear:30%:90s", bake_seconds=5)[:-1]} == {90}


def test_all_at_once_is_watched_too_so_that_a_bad_version_returns() -> None:
    assert parse_strategy("all-at-once") == (Step(100, 60),)
    assert parse_strategy("all-at-once", bake_seconds=300) == (Step(100, 300),)


@pytest.mark.parametrize(
    "text",
    ["", "canary", "canary:10%", "canary:10:5m", "canary:0%:5m", "canary:100%:5m", "canary:10%:5", "canary:10%:0s",
     "canary:10%:5m:1", "blue-green", "all-at-once:5m", "linear:-5%:1m", "linear:1e1%:1m", "canary:10%:49h",
     "canary:١٠%:5m", "canary:10%:٥m"],
)  # fmt: skip
def test_anything_else_is_refused_with_a_way_to_write_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_strategy(text)
    assert "Write" in caught.value.next


@given(st.sampled_from(["canary", "linear"]), st.integers(1, 99), st.integers(1, 999), st.sampled_from("sm"))
def test_each_strategy_rises_to_everything_and_never_falls(kind: str, percent: int, number: int, unit: str) -> None:
    steps = parse_strategy(f"{kind}:{percent}%:{number}{unit}")
    shares = [step.percent for step in steps]
    assert shares[0] == percent
    assert shares[-1] == 100
    assert shares == sorted(set(shares))
    assert all(step.seconds == number * {"s": 1, "m": 60}[unit] for step in steps[:-1])


@given(st.text(max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    for parse in (parse_strategy, parse_duration):
        with contextlib.suppress(UsageError):
            parse(text)  # type: ignore[operator]
