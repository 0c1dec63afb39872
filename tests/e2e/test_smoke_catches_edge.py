"""The edge is broken on purpose, the smoke check that claims each break says so, and all is as it was."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opsctl.smoke import SmokeTarget
from opsctl.smoke.checks import CHECKS
from opsctl.smoke.edge_checks import EDGE_CHECKS
from tests.e2e.mutations.counting import counted, when_quiet
from tests.e2e.mutations.edge import EDGE_MUTATIONS, without_rules
from tests.e2e.mutations.mutation import Break, Mutation, Part, batches, broken_in, prove, restore_what_was_left
from tests.e2e.mutations.parts import WEB_ACL
from tests.e2e.mutations.table import MUTATIONS
from tests.e2e.project import PROJECT, Project, wait_for

SLOW = {"rate-limit", "throttle"}
"""Run when they are claimed, and when all is restored."""


def test_every_smoke_check_is_claimed_by_a_break_and_every_break_claims_a_check() -> None:
    assert {broken.check for broken in MUTATIONS} == {check.name for check in CHECKS}
    assert len({broken.name for broken in MUTATIONS}) == len(MUTATIONS)


def test_each_break_of_the_edge_is_caught_by_the_check_that_claims_it_and_by_no_other(
    stack: Project, target: SmokeTarget
) -> None:
    beside = {check.name for check in EDGE_CHECKS} - SLOW
    proof = prove(target, EDGE_MUTATIONS, EDGE_CHECKS, folder=stack.root / ".opsctl" / "broken", beside=beside)
    assert proof.complaints == []
    assert len(proof.seen) == len(EDGE_MUTATIONS)


def test_what_a_killed_run_left_broken_is_put_back_by_the_next(stack: Project, target: SmokeTarget) -> None:
    folder = stack.root / ".opsctl" / "broken"
    before = WEB_ACL.read(target)
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(stack.root), str(folder)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout
    assert killed.stdout.readline() == "broken\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert WEB_ACL.read(target) != before
    restore_what_was_left(target, folder, EDGE_MUTATIONS)
    assert WEB_ACL.read(target) == before
    assert list(folder.iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.outputs import read_outputs
from opsctl.environments.ports import connect
from opsctl.smoke import SmokeTarget
from tests.e2e.mutations.edge import EDGE_MUTATIONS
from tests.e2e.mutations.mutation import broken_in
config = load_config(Path(sys.argv[1]))
ports = connect(config, load_environment(config, "local"), on_event=ignore, start=False)
target = SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws)
chosen = [broken for broken in EDGE_MUTATIONS if broken.name == "no rule for the size of a body"]
with broken_in(target, chosen, Path(sys.argv[2])):
    print("broken", flush=True)
    time.sleep(600)
"""


# --- The harness itself, without an environment


def breaking(check: str, change: Callable[[Any], Any] = str.upper, part: Part | None = None, **more: Any) -> Mutation:
    return Mutation(name=f"{check} broken", check=check, says="", part=part or in_memory({}), change=change, **more)


def in_memory(values: dict[str, Any], name: str = "a part", *, sticky: bool = False) -> Part:
    """A part whose value is in a dictionary; a sticky one can be written only once."""

    def write(_: SmokeTarget, value: Any) -> None:
        if not (sticky and values.get("written")):
            values.update(value=value, written=True)

    return Part(name, lambda _: values["value"], write)


def test_breaks_that_would_leave_open_which_of_them_it_was_are_not_made_at_once() -> None:
    first, same, other = breaking("a"), breaking("a"), breaking("b")
    takes_b_along, alone = breaking("c", also=frozenset({"b"})), breaking("d", alone=True)
    made: list[list[Break]] = [list(batch) for batch in batches([first, same, other, takes_b_along, alone])]
    assert made == [[first, other], [same, takes_b_along], [alone]]


def test_two_breaks_of_one_part_are_made_at_once_and_it_is_put_back_though_the_test_dies(
    target: SmokeTarget, tmp_path: Path
) -> None:
    values = {"value": "x"}
    part = in_memory(values)
    chosen = [breaking("a", lambda value: value + "1", part), breaking("b", lambda value: value + "2", part)]
    with contextlib.suppress(KeyboardInterrupt), broken_in(target, chosen, tmp_path):
        assert values["value"] == "x12"
        assert [file.suffix for file in tmp_path.iterdir()] == [".pickle"]
        raise KeyboardInterrupt
    assert values["value"] == "x"
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_does_not_become_what_it_was_is_told_and_the_others_are_put_back(
    target: SmokeTarget, tmp_path: Path
) -> None:
    sticky, other = {"value": "x"}, {"value": "y"}
    chosen = [
        breaking("a", part=in_memory(sticky, "the sticky one", sticky=True)),
        breaking("b", part=in_memory(other, "another")),
    ]
    with pytest.raises(RuntimeError, match="the sticky one is X, and was x"), broken_in(target, chosen, tmp_path):
        assert other["value"] == "Y"
    assert other["value"] == "y"
    assert [file.name for file in tmp_path.iterdir()] == ["the-sticky-one.pickle"]


def test_a_break_that_changes_nothing_proves_nothing(target: SmokeTarget, tmp_path: Path) -> None:
    changed = breaking("sql-injection", without_rules("no-such-rule"), WEB_ACL)
    with (
        pytest.raises(RuntimeError, match="changed nothing of the edge's web ACL"),
        broken_in(target, [changed], tmp_path),
    ):
        pass


# --- A healthy environment


def test_a_healthy_edge_fails_no_check_and_nothing_is_left_of_a_run(stack: Project, target: SmokeTarget) -> None:
    before = when_quiet(target)
    report = json.loads(stack.opsctl("smoke", "local", "--tag", "edge", "--json").stdout)
    assert [result["message"] for result in report["results"] if result["message"]] == []
    assert {result["name"] for result in report["results"]} == {check.name for check in EDGE_CHECKS}
    with contextlib.suppress(AssertionError):
        wait_for(lambda: counted(target) == before, seconds=20)
    assert counted(target) == before
