"""What a person sees of a deploy: drawn from its events, for each kind, wide, narrow and without a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console as RichConsole
from rich.live_render import LiveRender

from opsctl.cli.deploy_view import (
    HEARTBEAT_SECONDS,
    DeployApproval,
    DeployView,
    Panel,
    Scene,
    evidence_words,
    show_deployed,
    weight_bar,
)
from opsctl.deploy.deploying import Deployed
from opsctl.deploy.events import (
    Decided,
    DeployBegun,
    DeployEnded,
    DeployEvent,
    ReturnBegun,
    StepBegun,
    VersionHealth,
    Watched,
)
from opsctl.environments.in_flight import Decision, InFlight, Move
from opsctl.ui.console import Console

SHA, NEWER = "a1" * 32, "b2" * 32
MOVE = Move("function", "orders-create", "7", "8")
WEIGHTS = {"7": 90.0, "8": 10.0}
HEALTH = (VersionHealth("7", 1203, 0, 84.2), VersionHealth("8", 130, 2, 91.0))
ALARM = "opsctl-local-orders-create-errors"
STEP = StepBegun(MOVE, "10 %", WEIGHTS, 300)
LOOK = Watched(MOVE, "10 %", WEIGHTS, HEALTH, {ALARM: "OK"}, 192.0)
REFRESH = Move("service", "service", SHA, NEWER)


def deploy(*moves: Move, strategy: str = "canary:10%:5m") -> InFlight:
    moves = moves or (MOVE,)
    return InFlight("id", "local", "deploy", moves[0].kind, strategy, moves, "arn", "ada", "2026-11-22T02:00:00+00:00")


def drawn(*events: DeployEvent, width: int = 100, passed: float = 0.0) -> str:
    """The panel after these events, `passed` seconds later."""
    scene = Scene()
    for event in events:
        scene = scene.after(event, 1000.0)
    out = io.StringIO()
    console = RichConsole(file=out, width=width, color_system=None, soft_wrap=True)  # as ours
    console.print(LiveRender(Panel(scene, 1000.0 + passed)))
    text = out.getvalue()
    assert all(len(line) <= width for line in text.splitlines()), text
    return text


class Seconds:
    """A monotonic clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(capsys: pytest.CaptureFixture[str], *events: tuple[float, object]) -> list[str]:
    """What a log without a terminal gets of events at these seconds."""
    seconds = Seconds()
    with DeployView(Console(), monotonic=seconds) as view:
        for at, event in events:
            seconds.now = at
            view(event)
    return capsys.readouterr().err.splitlines()


def row_of(text: str, version: str) -> list[str]:
    """The words of a version's line, without its bar."""
    return next(line for line in text.splitlines() if line.startswith(f"{version} ")).strip("█░ ").split()


def test_a_version_is_one_line_with_its_share_its_errors_and_its_p99() -> None:
    text = drawn(DeployBegun(deploy()), STEP, LOOK)
    assert row_of(text, "7")[-9:] == ["90", "%", "1", "203", "0", "0.0", "%", "84", "ms"]
    assert row_of(text, "8")[-8:] == ["10", "%", "130", "2", "1.5", "%", "91", "ms"]
    assert f"OK {ALARM}" in text


def test_the_time_to_the_next_step_counts_down_between_two_looks() -> None:
    assert "next step in 3:12" in drawn(DeployBegun(deploy()), STEP, LOOK)
    assert "next step in 3:05" in drawn(DeployBegun(deploy()), STEP, LOOK, passed=7)
    assert "next step" not in drawn(DeployBegun(deploy()), STEP, LOOK, passed=500)


def test_what_a_step_waits_for_is_said() -> None:
    assert "waits for 30 more requests of 8" in drawn(STEP, replace(LOOK, waits_for="30 more requests of 8"))


def test_a_version_without_requests_has_no_error_rate_and_no_p99() -> None:
    text = drawn(STEP, replace(LOOK, versions=(HEALTH[0], VersionHealth("8", 0))))
    assert row_of(text, "8")[-5:] == ["%", "0", "0", "–", "–"]


def test_an_unknown_p99_is_no_number() -> None:
    assert row_of(drawn(STEP, replace(LOOK, versions=(HEALTH[0], VersionHealth("8", 3)))), "8")[-1] == "–"


def test_a_look_that_was_throttled_says_so_and_keeps_the_weights() -> None:
    text = drawn(STEP, replace(LOOK, versions=(), alarms={}, note="CloudWatch was throttled; the last look counts"))
    assert "! CloudWatch was throttled" in text
    assert row_of(text, "8")[-2:] == ["10", "%"]


def test_a_firing_alarm_comes_first_and_many_fine_ones_are_counted() -> None:
    alarms = {f"a{number}": "OK" for number in range(9)} | {"z-errors": "ALARM"}
    text = drawn(STEP, replace(LOOK, alarms=alarms))
    assert "alarms  ALARM z-errors  OK a0" in text
    assert "more OK" in text
    assert "a8" not in text


def test_several_functions_say_which_one_is_at_work() -> None:
    second = Move("function", "orders-list", "3", "4")
    text = drawn(DeployBegun(deploy(MOVE, second)), StepBegun(second, "10 %", {"3": 90, "4": 10}, 60))
    assert "orders-list (2 of 2)" in text
    assert row_of(text, "4")


def test_a_refresh_of_instances_counts_instances_and_no_requests() -> None:
    health = (VersionHealth(SHA, instances=1), VersionHealth(NEWER, instances=1))
    look = Watched(REFRESH, "instance refresh", {SHA: 50, NEWER: 50}, health, {}, 60, "2 healthy instances")
    text = drawn(DeployBegun(deploy(REFRESH)), look)
    assert "instances" in text
    assert "requests" not in text
    assert "p99" not in text
    assert row_of(text, NEWER[:12])[-3:] == ["50", "%", "1"]


def test_a_page_without_figures_says_its_step() -> None:
    page = Move("site", "site", "0123456789ab", "ba9876543210")
    text = drawn(DeployBegun(deploy(page)), StepBegun(page, "assets", {}))
    assert "site  assets" in text
    assert "version" not in text
    assert "requests" not in text


@pytest.mark.parametrize("width", [40, 60, 72, 80, 120, 200])
def test_no_terminal_is_too_narrow_for_a_long_name(width: int) -> None:
    move = replace(MOVE, name="a-function-with-a-name-that-nobody-would-read-aloud-to-the-end")
    look = replace(
        LOOK, move=move, alarms={f"{move.name}-errors": "ALARM"}, waits_for="many more requests than there are"
    )
    text = drawn(DeployBegun(deploy(move)), replace(STEP, move=move), look, width=width)
    assert row_of(text, "8")[-2:] == ["91", "ms"]
    assert "many more requests than there are" in " ".join(text.split())


@pytest.mark.parametrize(("width", "digits"), [(40, 7), (100, 12)])
def test_a_service_fits_a_narrow_terminal(width: int, digits: int) -> None:
    health = (VersionHealth(SHA, 12, 0, 3.0, 1), VersionHealth(NEWER, 12, 12, 12_000.0, 1))
    text = drawn(Watched(REFRESH, "instance refresh", {SHA: 50, NEWER: 50}, health, {}, 60), width=width)
    assert row_of(text, NEWER[:digits])[-7:] == ["1", "12", "12", "100.0", "%", "12.0", "s"]


def test_only_the_whole_fills_a_bar_and_a_small_share_still_shows() -> None:
    assert [weight_bar(share, 10, new=True).plain.count("█") for share in (0, 1, 50, 99, 100)] == [0, 1, 5, 9, 10]


def test_a_version_learned_while_at_work_is_shown_as_the_new_one() -> None:
    begun = DeployBegun(deploy(replace(MOVE, after="")))
    scene = Scene().after(begun, 0).after(LOOK, 0)
    assert [role for _, role, _, _ in scene.rows()] == ["now", "new"]
    assert scene.moves == (MOVE,)


def test_the_way_back_says_why() -> None:
    text = drawn(DeployBegun(deploy()), STEP, ReturnBegun(deploy(), "8 fails"), StepBegun(MOVE, "all to 7", {"7": 100}))
    assert "going back: 8 fails" in text


def test_a_log_has_a_line_for_each_step_and_each_decision(capsys: pytest.CaptureFixture[str]) -> None:
    decision = Decision("2026-11-22T02:03:04+00:00", "orders-create", "10 %", "promote", "0 of 130 requests failed")
    said = lines(
        capsys, (0, DeployBegun(deploy())), (1, STEP), (2, LOOK), (3, LOOK), (4, Decided(decision)),
        (5, StepBegun(MOVE, "100 %", {"8": 100})), (6, DeployEnded(deploy(), "done", 6.0)),
    )  # fmt: skip
    assert said == [
        "deploy of local, canary:10%:5m",
        "▸ orders-create 7 → 8: 10 % (7 90 %, 8 10 %; watched for 5 min 00 s)",
        "  02:03:04 promote orders-create, 10 %: 0 of 130 requests failed",
        "▸ orders-create 7 → 8: 100 % (8 100 %)",
    ]


def test_a_long_watch_is_no_flood_but_a_sign_of_life_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    looks = [(float(at), replace(LOOK, seconds_left=300.0 - at)) for at in range(1, 300)]
    said = [line for line in lines(capsys, (0, STEP), *looks) if "still at" in line]
    assert len(said) == 299 // HEARTBEAT_SECONDS
    assert said[0] == (
        "  still at 10 %: 7 1\u2009203 requests, 0 errors, p99 84 ms; 8 130 requests, 2 errors, p99 91 ms; "
        "next step in 4:30"
    )


def test_an_alarm_that_changes_is_a_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, (0, STEP), (1, LOOK), (2, replace(LOOK, alarms={ALARM: "ALARM"})),
                 (3, replace(LOOK, alarms={ALARM: "ALARM"})))  # fmt: skip
    assert said[1:] == [f"  alarm {ALARM}: OK → ALARM"]


def test_a_throttled_call_is_told_once_while_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    throttled = replace(LOOK, note="describing the refresh was throttled")
    said = lines(capsys, (0, STEP), (1, throttled), (2, throttled), (3, LOOK), (4, throttled))
    assert said[1:] == ["  ! describing the refresh was throttled"] * 2


def test_a_deploy_that_is_resumed_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, (0, DeployBegun(replace(deploy(), step="10 %")))) == [
        "deploy of local, canary:10%:5m, resumed at: 10 %"
    ]


def test_a_reader_that_goes_away_does_not_end_the_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    view = DeployView(Console())

    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(view._board, "line", gone)
    view(STEP)
    view(LOOK)


def test_words_that_look_like_markup_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, (0, replace(STEP, step="[bold]10 %[/]")), (1, ReturnBegun(deploy(), "it said [/red]")))
    assert said[0].startswith("▸ orders-create 7 → 8: [bold]10 %[/]")
    assert said[1] == "↩ going back: it said [/red]"


def approval(*, yes: bool, terminal: bool, answer: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    console = Console()
    monkeypatch.setattr(Console, "can_ask", terminal)
    monkeypatch.setattr(console, "ask", lambda question: answer)
    return DeployApproval(console, DeployView(console), yes)((replace(MOVE, after=""),))


@pytest.mark.parametrize(
    ("yes", "terminal", "answer", "agreed"),
    [(False, True, "n", False), (False, True, "y", True), (True, True, "n", True), (False, False, "n", True)],
)
def test_a_person_at_a_terminal_is_asked_unless_he_said_yes(
    yes: bool, terminal: bool, answer: str, agreed: bool,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert approval(yes=yes, terminal=terminal, answer=answer, monkeypatch=monkeypatch) is agreed
    assert "orders-create: 7 → a new version" in capsys.readouterr().err


def test_the_end_says_what_runs_now(capsys: pytest.CaptureFixture[str]) -> None:
    show_deployed(Deployed("local", "deploy", "service", "instance-refresh", "done", (REFRESH,), (), 62.0), Console())
    assert capsys.readouterr().out.splitlines() == [
        "✓ local: deployed in 1 min 02 s.", f"  service is at {NEWER[:12]}, before at {SHA[:12]}",
    ]  # fmt: skip


def test_a_deploy_of_what_runs_already_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    deployed = Deployed(
        "local", "deploy", "function", "all-at-once", "done", (), (), 0.0, "greet: this code runs already"
    )
    show_deployed(deployed, Console())
    assert capsys.readouterr().out == "✓ local: greet: this code runs already.\n"


def test_evidence_is_told_in_one_line() -> None:
    evidence = {"requests": {"7": 90, "8": 10}, "p99_ms": 84.23456, "alarms": [], "absent": None}
    assert evidence_words(evidence) == "requests.7 90, requests.8 10, p99_ms 84.23, alarms []"
