"""A deploy's events on disk: all of them, in order, and never a reason for the deploy to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.deploy.events import Decided, DeployBegun, DeployEnded, ReturnBegun, StepBegun, VersionHealth, Watched
from opsctl.deploy.recording import Recording, read_recording
from opsctl.environments.events import Notice, StageStarted
from opsctl.environments.in_flight import Decision, InFlight, Move
from opsctl.errors import UsageError

MOVE = Move("function", "orders-create", "7", "8")
DEPLOY = InFlight("id", "local", "deploy", "function", "canary:10%:5m", (MOVE,), "arn", "ada", "2026-11-22T02:00:00Z")
EVENTS = [
    DeployBegun(DEPLOY),
    StepBegun(MOVE, "10 %", {"7": 90, "8": 10}, 5.0),
    Watched(MOVE, "10 %", {"7": 90, "8": 10}, (VersionHealth("8", 3, 1, 12.5),), {"errors": "OK"}, 4.5),
    Decided(Decision("2026-11-22T02:00:05Z", "orders-create", "10 %", "return", "1 of 3 failed", {"8": {"errors": 1}})),
    ReturnBegun(DEPLOY, "1 of 3 failed"),
    DeployEnded(DEPLOY, "returned", 6.0),
]


def test_every_event_is_kept_with_its_second_and_handed_on(tmp_path: Path) -> None:
    ticks, heard = iter(range(100, 200)), []
    with Recording(tmp_path / "run.jsonl", heard.append, monotonic=lambda: float(next(ticks))) as recording:
        for event in [StageStarted("build"), *EVENTS]:
            recording(event)
    kept = read_recording(tmp_path / "run.jsonl")
    assert [event["event"] for event in kept] == [type(event).__name__ for event in EVENTS]
    assert [event["at"] for event in kept] == [0, 1, 2, 3, 4, 5]
    assert kept[2]["versions"] == [{"version": "8", "requests": 3, "errors": 1, "p99_ms": 12.5, "instances": None}]
    assert heard == [StageStarted("build"), *EVENTS]


def test_a_full_disk_ends_the_recording_and_not_the_deploy(tmp_path: Path) -> None:
    heard: list[object] = []
    with Recording(Path("/dev/full"), heard.append) as recording:
        for event in EVENTS:
            recording(event)
    assert [event for event in heard if not isinstance(event, Notice)] == EVENTS
    assert [event.text for event in heard if isinstance(event, Notice)] == [
        "The recording ends here: No space left on device."
    ]


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_deployed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be written"):
        Recording(tmp_path / "none" / "run.jsonl", lambda _: None)


@pytest.mark.parametrize("text", ["", "[1]\n", '{"at": 1}\n', "no json\n"])
def test_what_is_no_recording_is_not_read_as_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.jsonl").write_text(text)
    with pytest.raises(UsageError, match="no recording"):
        read_recording(tmp_path / "run.jsonl")
