"""The pictures of deploys say what was recorded, and nothing that was not."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from docs.deploy_pictures import RUNS, draw, pictures, read_run, staircase
from opsctl.deploy.events import Decided, DeployBegun, DeployEnded, ReturnBegun, StepBegun, VersionHealth, Watched
from opsctl.environments.in_flight import Decision, InFlight, Move

MOVE = Move("function", "orders-create", "7", "8")
SERVICE = Move("service", "service", "a1" * 32, "b2" * 32)
PAGE = Move("site", "site", "0123456789ab", "ba9876543210")


def deploy(move: Move = MOVE) -> InFlight:
    return InFlight("id", "local", "deploy", move.kind, "canary:10%:5m", (move,), "arn", "ada", "2026-11-22T02:00:00Z")


def recorded(*events: tuple[float, object]) -> list[Mapping[str, Any]]:
    return [{"at": at, "event": type(event).__name__} | asdict(event) for at, event in events]  # type: ignore[call-overload]


def words(svg: str) -> list[str]:
    """All texts of a picture."""
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


BAD = recorded(
    (0, DeployBegun(deploy())),
    (1, StepBegun(MOVE, "10 %", {"7": 90, "8": 10}, 5)),
    (2, Watched(MOVE, "10 %", {"7": 90, "8": 10}, (VersionHealth("7", 90, 0, 10.0), VersionHealth("8", 10, 5, 900.0)),
                {"errors": "ALARM", "other": "OK"}, 4)),
    (3, Decided(Decision("", "orders-create", "10 %", "return", "5 of 10 failed & <more>"))),
    (3, ReturnBegun(deploy(), "5 of 10 failed")),
    (4, StepBegun(MOVE, "back to 7", {"7": 100})),
    (5, DeployEnded(deploy(), "returned", 5)),
)  # fmt: skip


def test_a_run_is_read_by_version() -> None:
    run = read_run(BAD)
    assert run.shares["new"] == [(1, 10), (2, 10), (4, 0)]
    assert run.errors == {"old": [(2, 0)], "new": [(2, 50)]}
    assert run.p99["new"] == [(2, 900.0)]
    assert run.alarms == [(2, "ALARM")]


def test_a_return_is_marked_once_with_its_reason() -> None:
    said = words(draw(read_run(BAD)))
    assert [text for text in said if "return" in text] == ["3.0 s, 10 %, return: 5 of 10 failed & <more>"]
    assert said[0] == "deploy of orders-create, canary:10%:5m: taken back after 5 s"


def test_a_return_that_nobody_decided_is_marked_as_well() -> None:
    events = [event for event in BAD if event["event"] != "Decided"]
    assert "3.0 s, 10 %, return: 5 of 10 failed" in words(draw(read_run(events)))


def test_what_was_killed_says_so() -> None:
    assert "killed" in words(draw(read_run(BAD[:3])))[0]


def test_a_service_shows_its_instances_and_no_p99() -> None:
    health = (VersionHealth(SERVICE.before, instances=1), VersionHealth(SERVICE.after, instances=1))
    weights = {SERVICE.before: 50.0, SERVICE.after: 50.0}
    events = recorded((0, DeployBegun(deploy(SERVICE))), (1, Watched(SERVICE, "refresh", weights, health, {}, 5)),
                      (9, DeployEnded(deploy(SERVICE), "done", 9)))  # fmt: skip
    said = words(draw(read_run(events)))
    assert "instances" in said
    assert "p99" not in said


def test_a_page_shows_its_steps() -> None:
    events = recorded((0, DeployBegun(deploy(PAGE))), (1, StepBegun(PAGE, "assets", {})),
                      (5, StepBegun(PAGE, "index.html", {})), (9, DeployEnded(deploy(PAGE), "done", 9)))  # fmt: skip
    said = words(draw(read_run(events)))
    assert {"assets", "index.html"} <= set(said)
    assert "share" not in said


def test_a_value_holds_until_the_next_one() -> None:
    assert staircase([(0, 90), (2, 50)], 5) == [(0, 90), (2, 90), (2, 50), (5, 50)]


def test_every_picture_is_as_its_recording_makes_it() -> None:
    made = pictures()
    assert {file.stem for file in made} >= set(RUNS)
    for file, svg in made.items():
        assert file.read_text() == svg, f"{file}: run make docs"


@pytest.mark.parametrize("name", RUNS)
def test_each_recorded_run_ended_as_its_picture_claims(name: str) -> None:
    [svg] = [svg for file, svg in pictures().items() if file.stem == name]
    assert ("taken back" in words(svg)[0]) == name.endswith("returned")
