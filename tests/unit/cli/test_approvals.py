"""The questions before a change, and what counts as a yes."""

from __future__ import annotations

import pytest

from opsctl.cli.approvals import Afresh, Approval
from opsctl.cli.progress import Progress
from opsctl.environments.lost_cloud import LostCloud
from opsctl.errors import Refused
from opsctl.terraform.plan import Action
from opsctl.ui.console import Console
from tests.unit.cli.test_plan_view import change, plan

PLAN = plan(change("aws_db_instance.this", Action.DELETE))


def approval(answer: str, monkeypatch: pytest.MonkeyPatch, *, yes: bool = False, must_type: str = "") -> bool:
    console = Console()
    monkeypatch.setattr(console, "ask", lambda question: answer)
    return Approval(console, Progress(console), yes, "Destroy all of this?", must_type)(PLAN)


@pytest.mark.parametrize(("answer", "agreed"), [("y", True), ("YES", True), ("", False), ("n", False), ("prod", False)])
def test_yes_means_yes_and_anything_else_means_no(answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert approval(answer, monkeypatch) is agreed


@pytest.mark.parametrize(("answer", "agreed"), [("prod", True), (" prod ", True), ("y", False), ("Prod", False)])
def test_an_environment_s_name_has_to_be_typed_as_it_is(
    answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert approval(answer, monkeypatch, must_type="prod") is agreed


def test_the_plan_is_shown_although_yes_was_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approval("", monkeypatch, yes=True)
    assert "aws_db_instance.this would be destroyed: it holds a database" in capsys.readouterr().err


def test_nobody_there_to_answer_is_a_refusal() -> None:
    with pytest.raises(Refused):
        Approval(Console(), Progress(Console()), False, "Apply this plan?")(PLAN)
    with pytest.raises(Refused):
        Afresh(Console(), Progress(Console()), False)(LostCloud("local", 3))


def test_starting_afresh_is_agreed_to_by_yes() -> None:
    assert Afresh(Console(), Progress(Console()), True)(LostCloud("local", 3))
