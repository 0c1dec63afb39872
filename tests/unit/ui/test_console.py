"""What a person sees: words for sizes and times, plain lines without a terminal, data never taken for markup."""

from __future__ import annotations

import json

import pytest

from opsctl.errors import Interrupted, OpsctlError, Refused
from opsctl.ui.board import Board
from opsctl.ui.console import Console, duration, literal, size
from opsctl.ui.picture import draw


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (129, "2 min 09 s")]
)
def test_durations_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_300_000, "9.3 MB")])
def test_sizes_read_as_people_say_them(number: int, words: str) -> None:
    assert size(number) == words


def test_results_go_to_stdout_and_progress_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.say("result")
    console.note("progress")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("result\n", "progress\n")


def test_json_is_one_document_without_colour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    Console().json({"b": [1], "a": "[red]"})
    assert json.loads(capsys.readouterr().out) == {"b": [1], "a": "[red]"}


def test_no_color_wins_over_force_color(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    Console().say("[red]x[/]")
    assert capsys.readouterr().out == "x\n"


def test_data_with_brackets_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Console().say(literal('aws_subnet.x["eu-central-1a"] [bold]'))
    assert capsys.readouterr().out == 'aws_subnet.x["eu-central-1a"] [bold]\n'


def test_an_error_says_what_where_and_next(capsys: pytest.CaptureFixture[str]) -> None:
    Console().error(OpsctlError("It broke.", where="main.tf:3", next="Mend it."))
    assert capsys.readouterr().err == "error: It broke.\n  where: main.tf:3\n  next:  Mend it.\n"


def test_an_interrupt_is_not_called_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    Console().error(Interrupted("Stopped in order."))
    assert capsys.readouterr().err == "stopped: Stopped in order.\n"


def test_a_question_that_nobody_can_answer_is_refused_and_names_yes() -> None:
    with pytest.raises(Refused, match=r"Apply this plan\? \[y/N\]") as raised:
        Console().confirm("Apply this plan?")
    assert "--yes" in raised.value.next
    assert raised.value.exit_code == 5


def test_without_a_terminal_a_board_prints_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    with Board(Console()) as board:
        board.begin("a", "creating a")
        board.line("created a")
        assert board.end("a") >= 0
        assert board.end("never begun") < 0.1
    assert capsys.readouterr().err == "created a\n"


def test_a_picture_keeps_its_aspect_in_half_blocks() -> None:
    from opsctl.smoke.demo import sample_photo

    picture = draw(sample_photo(), columns=40)
    assert picture is not None
    lines = picture.plain.splitlines()
    assert {len(line) for line in lines} == {40}
    assert len(lines) == 13
