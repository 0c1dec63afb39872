"""What the benchmarks of deploys and of the smoke suite make of their runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks import deploys, smoke
from benchmarks.__main__ import NEWER, PARTS
from opsctl.smoke import Report, Result, Status


def run(**seconds: float) -> Report:
    results = tuple(
        Result(name.replace("_", "-"), Status.PASSED, took, "", {}, "", "") for name, took in seconds.items()
    )
    return Report("local", datetime(2026, 11, 22, tzinfo=UTC), max(seconds.values()) + 1.5, results)


def failed(report: Report, message: str) -> Report:
    first, *rest = report.results
    bad = Result(first.name, Status.FAILED, first.seconds, message, {}, "", "")
    return Report(report.environment, report.started_at, report.seconds, (bad, *rest))


def test_a_check_that_fails_once_in_many_runs_is_a_false_alarm_with_its_run() -> None:
    reports = [run(photo_path=3.0, dns=0.1) for _ in range(9)] + [failed(run(photo_path=3.0, dns=0.1), "no thumbnail")]
    found = smoke.figures(reports)
    assert found["false_alarms"] == 1
    assert found["failures"] == [{"run": 10, "check": "photo-path", "message": "no thumbnail"}]


def test_the_seconds_beyond_are_those_after_the_slowest_pipeline_and_not_after_a_slow_guard() -> None:
    found = smoke.figures([run(photo_path=10.0, rate_limit=40.0)])
    assert found["slowest_pipeline"] == "photo-path"
    assert found["beyond_the_slowest_seconds"] == {"median": 31.5, "p95": 31.5}


@pytest.mark.parametrize(("number", "p95"), [(1, 1.0), (19, 19.0), (20, 19.0), (100, 95.0)])
def test_of_a_hundred_runs_ninety_five_are_below_p95(number: int, p95: float) -> None:
    assert smoke.spread(float(value) for value in range(1, number + 1))["p95"] == p95


BAD = {
    "trouble": "errors", "strategy": deploys.STRATEGIES[0], "outcome": "returned", "why": "", "share_percent": 10.0,
    "seconds_from_first_spoilt_request": 3.0, "seconds_from_decision": 0.1, "requests_meanwhile": 200,
    "spoilt_requests": 10, "failed_requests_of_the_old_version": 0,
}  # fmt: skip
DEPLOYS = {
    "poll_seconds": 0.5, "bound_seconds": 10.5,
    "healthy": {"runs": 50, "returned": [], "requests": 900, "failed_requests": 0, "seconds": {"all-at-once": 4.2}},
    "bad": [BAD, BAD | {"seconds_from_first_spoilt_request": 5.0, "spoilt_requests": 30}],
    "killed": {"cases": 4, "failed": ["service"]},
}  # fmt: skip


def test_the_rows_of_deploys_say_what_was_spoilt_and_what_a_kill_left() -> None:
    rows = {what: measured for what, measured, _ in deploys.rows(DEPLOYS)}
    assert rows["traffic back on the old version, from the first request that the bad one spoilt"] == (
        "4.0 s, 5.0 s at most"
    )
    assert rows["requests spoilt meanwhile, of all that were sent"].startswith("canary:10%:2m: 10.0 %")
    assert rows["SIGKILL at every step of a deploy of a function, the service and the page: resumed or returned"] == (
        "3 of 4 tests"
    )


def test_the_rows_of_smoke_count_what_is_left_behind_and_what_was_caught() -> None:
    report = smoke.figures([run(photo_path=3.0, dns=0.1)]) | {
        "left_behind": ["queue a"], "mutations": {"seeded": 90, "caught": 89, "checks": 60, "complaints": ["x"]},
    }  # fmt: skip
    rows = {what: measured for what, measured, _ in smoke.rows(report)}
    assert rows["what they left behind"] == "1 objects"
    assert rows["seeded breaks (60 checks) that the check which claims them caught"] == "89 of 90"


def test_both_are_parts_of_the_bench() -> None:
    assert {"deploys", "smoke"} <= PARTS.keys() & NEWER.keys()
