"""Is the new version as good as the old one? On counts, at every look, without being fooled by chance."""

from __future__ import annotations

import random
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.deploy.judgement import (
    QUANTILES,
    Limits,
    Sample,
    binomial_tail,
    hypergeometric_tail,
    what_is_wrong,
)

EVEN = dict.fromkeys(QUANTILES, 50.0)
LOOKS = 40


def sample(requests: int, errors: int = 0, milliseconds: float = 50.0) -> Sample:
    return Sample(requests, errors, dict.fromkeys(QUANTILES, milliseconds) if requests else {})


def judged(new: Sample, old: Sample, *, last: bool = True, limits: Limits = Limits(max_p99_ms=8000)) -> str:  # noqa: B008
    return what_is_wrong(new, old, limits, looks=LOOKS, last=last)


@pytest.mark.parametrize("last", [False, True])
def test_a_version_that_always_fails_goes_back_after_a_handful_of_requests(last: bool) -> None:
    assert "5 of 5 requests failed" in judged(sample(5, 5), sample(45), last=last)


def test_a_version_that_fails_where_the_old_one_does_as_often_stays() -> None:
    assert judged(sample(200, 8), sample(1800, 72)) == ""


def test_one_failed_request_is_not_enough_to_call_a_version_bad() -> None:
    for requests in (1, 20, 100):
        assert judged(sample(requests, 1), sample(9 * requests)) == "", requests


def test_more_errors_than_are_ever_accepted_go_back_even_if_the_old_version_is_no_better() -> None:
    assert "5.0% is the most" in judged(sample(100, 30), sample(900, 270))


def test_a_rise_within_the_accepted_rate_is_found_by_comparing() -> None:
    assert "and 0 of 9000 of the version before" in judged(sample(1000, 30), sample(9000))


def test_a_difference_that_nobody_would_notice_is_no_reason_however_sure_it_is() -> None:
    assert judged(sample(10_000_000, 12_000), sample(10_000_000, 10_000)) == ""


def test_a_slow_version_goes_back() -> None:
    assert "p50 of 20 requests is 900 ms; of the version before p99 is 50 ms" in judged(sample(20, 0, 900), sample(180))


def test_slow_first_requests_are_not_held_against_a_version() -> None:
    new = Sample(60, 0, {0.99: 4000.0, 0.95: 1500.0, 0.9: 900.0, 0.75: 60.0, 0.5: 50.0})
    assert judged(new, sample(540)) == ""


def test_a_version_that_is_slow_in_a_tenth_of_its_requests_goes_back_once_there_are_enough() -> None:
    slow = {0.99: 2000.0, 0.95: 1900.0, 0.9: 1800.0, 0.75: 60.0, 0.5: 50.0}
    assert judged(Sample(40, 0, slow), sample(360)) == ""
    assert "p95 of 200 requests" in judged(Sample(200, 0, slow), sample(1800))


def test_slower_by_a_little_is_no_reason() -> None:
    assert judged(sample(500, 0, 95), sample(4500)) == ""  # less than twice
    assert judged(sample(500, 0, 40), sample(4500, 0, 5)) == ""  # more than twice, and 35 ms


def test_without_an_old_version_to_compare_with_the_limits_still_hold() -> None:
    nothing = Sample()
    assert "5.0% is the most" in judged(sample(20, 20), nothing)
    assert "99 % may take 8,000 ms" in judged(sample(20, 0, 9000), nothing)
    assert judged(sample(20), nothing) == ""


def test_no_requests_say_nothing() -> None:
    assert judged(Sample(), sample(500)) == ""


@pytest.mark.parametrize("rate", [0.0, 0.005, 0.02, 0.04])
def test_a_healthy_version_is_not_returned_in_50_deploys_of_3_steps_with_40_looks_each(rate: float) -> None:
    dice = random.Random(f"rate {rate}")
    returned = 0
    for _ in range(50):
        for share in (0.1, 0.5, 0.9):
            new, old, errors, old_errors = 0, 0, 0, 0
            for number in range(LOOKS):
                for _ in range(25):
                    failed = dice.random() < rate
                    if dice.random() < share:
                        new, errors = new + 1, errors + failed
                    else:
                        old, old_errors = old + 1, old_errors + failed
                last = number == LOOKS - 1
                returned += bool(judged(sample(new, errors), sample(old, old_errors), last=last))
    assert returned == 0


def test_a_healthy_version_with_long_tails_is_not_returned_in_50_deploys() -> None:
    dice = random.Random(50)

    def drawn(requests: int) -> Sample:
        durations = sorted(dice.lognormvariate(4, 1.2) for _ in range(requests))
        return Sample(requests, 0, {q: durations[int(q * requests)] for q in QUANTILES})

    wrong = [judged(drawn(requests), drawn(9 * requests)) for _ in range(50) for requests in (20, 60, 250)]
    assert not any(wrong)


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=200)
def test_fishers_test_is_exact(hits: int, draws: int, marked: int, unmarked: int) -> None:
    total = marked + unmarked
    draws = min(draws, total)
    ways = sum(comb(marked, k) * comb(unmarked, draws - k) for k in range(hits, draws + 1) if k <= marked)
    assert hypergeometric_tail(hits, draws, marked, total) == pytest.approx(ways / comb(total, draws), abs=1e-9)


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0.01, 0.99))
def test_the_binomial_tail_is_exact(hits: int, draws: int, chance: float) -> None:
    exact = sum(comb(draws, k) * chance**k * (1 - chance) ** (draws - k) for k in range(hits, draws + 1))
    assert binomial_tail(hits, draws, chance) == pytest.approx(exact, abs=1e-9)


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 4000), st.data())
def test_a_version_without_errors_is_never_called_worse_for_errors(
    requests: int, more: int, old: int, data: st.DataObject
) -> None:
    old_errors = data.draw(st.integers(0, old))
    assert judged(sample(requests + more, 0), sample(old, old_errors)) == ""


@given(st.integers(1, 300), st.integers(0, 3000), st.data())
def test_one_more_error_never_makes_a_bad_version_good(requests: int, old: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, requests - 1))
    if judged(sample(requests, errors), sample(old)):
        assert judged(sample(requests, errors + 1), sample(old))
