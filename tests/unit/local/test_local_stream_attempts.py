"""What becomes of a batch that fails: whatever is poison, order holds, nothing is lost, and it ends."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.streams.attempts import (
    LARGEST_EVENT_BYTES,
    Attempt,
    Outcome,
    Policy,
    StreamRecord,
    after,
    outcome_of,
    that_fit,
    too_old,
)

REPORTS = Policy(reports_items=True)


def shard(count: int) -> tuple[StreamRecord, ...]:
    return tuple(StreamRecord(f"{number:04d}", "a", float(number)) for number in range(count))


def work_off(records: tuple[StreamRecord, ...], poison: set[int], policy: Policy) -> tuple[list[str], list[str], int]:
    """By a function like ours: stops at the first poison; raises for the first of a batch, reports another.

    Gives what it did, in order; what was given up, in order; how many invocations it took.
    """
    attempts, did, given_up, invocations = [Attempt(records)] if records else [], [], [], 0
    while attempts:
        attempt, invocations = attempts.pop(0), invocations + 1
        bad = next((at for at, record in enumerate(attempt.records) if int(record.sequence) in poison), None)
        did += [record.sequence for record in attempt.records[:bad]]
        step = after(attempt, Outcome(len(attempt.records) if bad is None else bad, raised=bad == 0), policy)
        attempts[:0] = step.attempts
        given_up += [record.sequence for record in step.given_up]
    return did, given_up, invocations


@given(st.integers(0, 40), st.sets(st.integers(0, 39)), st.integers(0, 4))
def test_halving_gives_up_the_poison_and_nothing_else_and_does_the_rest_in_order(
    count: int, poison: set[int], retries: int
) -> None:
    records = shard(count)
    did, given_up, invocations = work_off(records, poison, Policy(retries=retries, bisect=True, reports_items=True))
    good = [record.sequence for record in records if int(record.sequence) not in poison]
    assert did == good
    assert given_up == [record.sequence for record in records if int(record.sequence) in poison]
    assert invocations <= 1 + len(given_up) * (retries + 8) + len(good)


@given(st.integers(1, 40), st.sets(st.integers(0, 39), min_size=1), st.integers(0, 4))
def test_without_halving_no_record_vanishes_untold(count: int, poison: set[int], retries: int) -> None:
    records = shard(count)
    did, given_up, _ = work_off(records, poison, Policy(retries=retries, reports_items=True))
    assert Counter(did + given_up) == Counter(record.sequence for record in records)


def test_halving_costs_no_attempt_and_failing_alone_does() -> None:
    policy, records = Policy(retries=1, bisect=True), shard(4)
    step = after(Attempt(records, failures=1), Outcome(0, raised=True), policy)
    assert step.attempts == (Attempt(records[:2], 1), Attempt(records[2:], 1))
    [again] = after(Attempt(records[:1]), Outcome(0, raised=True), policy).attempts
    assert again == Attempt(records[:1], 1)
    assert after(again, Outcome(0, raised=True), policy).given_up == records[:1]


def test_a_first_record_that_is_reported_and_not_raised_is_not_isolated() -> None:
    records = shard(4)
    policy = Policy(retries=0, bisect=True, reports_items=True)
    assert after(Attempt(records), Outcome(0), policy).given_up == records


def test_without_a_limit_it_is_tried_for_ever() -> None:
    records = shard(1)
    assert after(Attempt(records, failures=10_000), Outcome(0, raised=True), Policy()).given_up == ()


def test_the_lowest_record_that_is_reported_counts() -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": "0003"}, {"itemIdentifier": "0001"}]}
    assert outcome_of(answer, shard(5), REPORTS) == Outcome(1)


def test_an_answer_that_reports_nothing_is_a_success() -> None:
    for answer in (None, {}, [], "done", {"batchItemFailures": []}, {"batchItemFailures": None}):
        assert outcome_of(answer, shard(5), REPORTS) == Outcome(5)


def test_an_answer_that_names_no_record_of_the_batch_is_a_failure() -> None:
    for items in ([{"itemIdentifier": ""}], [{"itemIdentifier": None}], [{"id": "0001"}], ["0001"], [{}]):
        assert outcome_of({"batchItemFailures": items}, shard(5), REPORTS) == Outcome(0, raised=True)


def test_what_is_reported_means_nothing_to_a_mapping_that_does_not_ask() -> None:
    assert outcome_of({"batchItemFailures": [{"itemIdentifier": "0001"}]}, shard(5), Policy()) == Outcome(5)


def test_records_are_too_old_by_their_own_time() -> None:
    assert too_old(shard(10), Policy(age_seconds=5), now=10.0) == 5
    assert too_old(shard(10), Policy(age_seconds=5), now=100.0) == 10
    assert too_old(shard(10), Policy(), now=1e9) == 0


def test_a_batch_holds_what_fits_one_event_and_at_least_one_record() -> None:
    large = tuple(StreamRecord(str(number), "a", 0.0, size=LARGEST_EVENT_BYTES // 2) for number in range(5))
    assert len(that_fit(large, 100)) == 2
    assert len(that_fit(large, 1)) == 1
    assert len(that_fit((StreamRecord("0", "a", 0.0, size=2 * LARGEST_EVENT_BYTES),), 10)) == 1
    assert that_fit((), 10) == ()
