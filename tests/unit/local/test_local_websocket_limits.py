"""How much a WebSocket API takes: sizes, rates, times; what a repository in memory keeps."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.gaps.websockets import CALLBACK, with_local_callback
from opsctl.local.repositories import Author, Refused, Repository
from opsctl.local.websockets.limits import FRAME_BYTES, MESSAGE_BYTES, Bucket, Size, seconds_left

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=8))
def test_a_message_passes_if_no_frame_and_not_the_whole_is_too_large(frames: list[int]) -> None:
    size = Size()
    within = [
        size.add(count, frame_ends=True, message_ends=number == len(frames) - 1) for number, count in enumerate(frames)
    ]
    assert all(within) == (max(frames) <= FRAME_BYTES and sum(frames) <= MESSAGE_BYTES)
    assert (size.frame, size.message) == (0, 0)


@given(st.floats(0.5, 100), st.integers(1, 50), st.lists(st.floats(0, 2), max_size=60))
def test_a_bucket_lets_no_more_through_than_its_burst_and_rate(rate: float, burst: int, pauses: list[float]) -> None:
    bucket, now, taken = Bucket.full(rate, burst, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
    assert taken <= burst + rate * now + 1e-6


@pytest.mark.parametrize(
    ("now", "opened", "active", "left"), [(0, 0, 0, 600), (500, 0, 400, 500), (7000, 0, 6990, 200), (700, 0, 0, -100)]
)
def test_a_connection_ends_when_idle_for_10_minutes_or_open_for_2_hours(
    now: float, opened: float, active: float, left: float
) -> None:
    assert seconds_left(now, opened=opened, active=active) == left


def test_a_functions_callback_address_leads_to_this_cloud_and_nothing_else_is_changed() -> None:
    config = {
        "Environment": {
            "Variables": {CALLBACK: "https://abcd1234.execute-api.eu-central-1.amazonaws.com/live", "A": "b"}
        }
    }
    changed = with_local_callback(config, 4566)["Environment"]["Variables"]
    assert changed == {CALLBACK: "http://127.0.0.1:4566/_aws/execute-api/abcd1234/live", "A": "b"}
    elsewhere = {"Environment": {"Variables": {CALLBACK: "https://example.com"}}}
    assert with_local_callback(elsewhere, 4566) is elsewhere


def test_ids_are_those_that_git_gives(tmp_path: Path) -> None:
    put = {"a.txt": b"a", "a/b.txt": b"b", "a/c/d.txt": b"d", "z": b""}
    _, commit, _ = Repository().commit("main", parent=None, put=put, author=Author("x", "y"), message="m", now=NOW)

    def git(*words: str, when: str = "1767225600 +0000") -> str:
        who = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER")
               for name, value in (("NAME", "x"), ("EMAIL", "y"), ("DATE", when))}  # fmt: skip
        done = subprocess.run(
            ["git", "-C", tmp_path, *words], env=who | {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    git("init", "-q")
    for name, content in put.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    git("add", "a.txt", "a/b.txt", "a/c/d.txt", "z")
    git("commit", "-q", "-m", "m")
    assert (commit.tree_id, commit.id) == (git("rev-parse", "HEAD^{tree}"), git("rev-parse", "HEAD"))


def test_a_commit_on_an_old_tip_and_one_that_changes_nothing_are_refused() -> None:
    first, commit, _ = Repository().commit("main", parent=None, put={"a": b"1"}, author=Author(), message="", now=NOW)
    for parent, put, code in (
        (None, {"a": b"2"}, "ParentCommitIdRequiredException"),
        ("0" * 40, {"a": b"2"}, "ParentCommitIdOutdatedException"),
        (commit.id, {"a": b"1"}, "NoChangeException"),
    ):
        with pytest.raises(Refused) as refused:
            first.commit("main", parent=parent, put=put, author=Author(), message="", now=NOW)
        assert refused.value.code == code
