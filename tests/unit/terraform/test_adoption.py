"""What can be told of a Terraform whose opsctl died, from its record and its log alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl import processes
from opsctl.terraform.adoption import LeftBehind, Outcome, adopted, following, left_behind, outcome_of
from opsctl.terraform.interruption import interrupted, interrupting
from opsctl.terraform.run_record import FILE_NAME, Run, mark_ended, read_run, started_ticks, write_run

AT = "2026-11-21T10:02:03Z"


def line(message: str, **more: object) -> str:
    return json.dumps({"@level": "info", "@message": message, "@timestamp": AT, **more})


def done(address: str, action: str) -> str:
    resource = {"addr": address, "module": "", "resource_type": "t", "resource_name": "n"}
    hook = {"resource": resource, "action": action, "elapsed_seconds": 1}
    return line(f"{address}: complete", type="apply_complete", hook=hook)


def summary(operation: str, add: int = 0, change: int = 0, remove: int = 0) -> str:
    counts = {"operation": operation, "add": add, "change": change, "remove": remove, "import": 0}
    return line("done", type="change_summary", changes=counts)


ERROR = line("Error: no", type="diagnostic", diagnostic={"severity": "error", "summary": "no", "detail": "password"})
STOPPING = line("Stopping operation...", type="log")
ENDED = "2026-11-21T10:02:03+00:00"


@pytest.mark.parametrize(
    ("command", "lines", "outcome"),
    [
        ("apply", [done("a.b", "create"), summary("apply", 1)], Outcome("done", 1, 0, 0, "", ENDED)),
        ("destroy", [summary("apply", 0, 0, 2)], Outcome("done", 0, 0, 2, "", ENDED)),
        ("apply", [done("a.b", "create"), ERROR], Outcome("failed", 1, 0, 0, "no", ENDED)),
        ("apply", [done("a.b", "update"), STOPPING, ERROR], Outcome("interrupted", 0, 1, 0, "no", ENDED)),
        ("destroy", [done("a.b", "delete")], Outcome("interrupted", 0, 0, 1, "", ENDED)),
        ("apply", [summary("plan", 5)], Outcome("interrupted", 0, 0, 0, "", ENDED)),
        ("plan", [summary("plan", 5)], Outcome("done", 5, 0, 0, "", ENDED)),
        ("plan", [summary("plan", 5), ERROR], Outcome("failed", 5, 0, 0, "no", ENDED)),
        ("init", [line("Terraform has been successfully initialized!")], Outcome("done", ended_at=ENDED)),
        ("init", [line("Initializing the backend...")], Outcome("interrupted", ended_at=ENDED)),
        ("apply", ["panic: runtime error"], Outcome("interrupted")),
        ("apply", [], Outcome("interrupted")),
    ],
)  # fmt: skip
def test_a_log_tells_how_its_run_ended(command, lines, outcome):
    assert outcome_of(command, lines) == outcome


@given(st.lists(st.text() | st.sampled_from([ERROR, STOPPING, done("a.b", "create"), summary("apply", 1)])))
def test_no_log_is_too_broken_to_be_read(lines):
    outcome = outcome_of("apply", lines)
    assert (outcome.result == "done") == (summary("apply", 1) in lines and ERROR not in lines)


@pytest.fixture
def gone() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def leave(work, log, *, pid: int, opsctl: int, opsctl_ticks: int = 0, ended_at: str = "") -> None:
    run = Run(pid, started_ticks(pid), "apply", str(log), "2026-11-21T10:02:00+00:00", opsctl, ended_at, opsctl_ticks)
    (work / FILE_NAME).write_text(json.dumps(asdict(run)))


def test_a_run_is_left_behind_only_when_its_opsctl_is_gone(tmp_path, gone):
    log = tmp_path / "apply.log"
    log.write_text("\n".join([done("a.b", "create"), ERROR, ""]))
    assert left_behind(tmp_path) is None
    leave(tmp_path, log, pid=os.getpid(), opsctl=os.getpid(), opsctl_ticks=started_ticks(os.getpid()))
    assert left_behind(tmp_path) is None
    leave(tmp_path, log, pid=os.getpid(), opsctl=gone)
    left = left_behind(tmp_path)
    assert left == LeftBehind(
        "apply", os.getpid(), gone, "2026-11-21T10:02:00+00:00", log, True, Outcome("failed", 1, ended_at=ENDED)
    ), "and its error stays out, which may hold a secret"
    leave(tmp_path, log, pid=gone, opsctl=gone)
    assert not left_behind(tmp_path).still_runs
    leave(tmp_path, log, pid=gone, opsctl=gone, ended_at="2026-11-21T10:03:00+00:00")
    assert left_behind(tmp_path) is None, "its opsctl saw the end"


def test_a_process_that_got_the_number_of_a_dead_opsctl_is_not_taken_for_it(tmp_path, gone):
    leave(tmp_path, tmp_path / "log", pid=gone, opsctl=os.getpid(), opsctl_ticks=started_ticks(os.getpid()) - 1)
    assert left_behind(tmp_path) is not None


def test_a_log_that_was_cleaned_away_is_no_trouble(tmp_path, gone):
    leave(tmp_path, tmp_path / "no.log", pid=gone, opsctl=gone)
    assert left_behind(tmp_path).outcome == Outcome("interrupted")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "\x00"])
def test_a_broken_record_counts_as_none(tmp_path, content):
    (tmp_path / FILE_NAME).write_text(content)
    assert left_behind(tmp_path) is None
    mark_ended(tmp_path, "2026-11-21T10:03:00+00:00")


def test_a_terraform_whose_opsctl_died_while_starting_it_is_found_by_its_log(tmp_path):
    log = tmp_path / "apply.log"
    write_run(tmp_path, pid=0, command="apply", log=log, started_at="2026-11-21T10:02:00+00:00")
    assert not read_run(tmp_path).is_alive
    child = processes.start([sys.executable, "-c", "import time; time.sleep(60)"],
                            env=None, cwd=None, output=log)  # fmt: skip
    try:
        assert read_run(tmp_path).pid == child.pid
        assert read_run(tmp_path).is_alive
    finally:
        child.kill()
        child.wait()
    assert not read_run(tmp_path).is_alive


def test_the_words_say_what_was_found_and_what_came_of_it():
    run = Run(123, 1, "apply", "/x.log", "2026-11-21T10:02:00+00:00", 9)
    assert following(run) == (
        "terraform apply of an opsctl that died (process 123, since 10:02 UTC) is still at work: following it"
    )
    assert adopted(run, Outcome("failed", 2, 0, 1, "no such bucket")).message == (
        "An earlier terraform apply ended without its opsctl: it failed (no such bucket); 2 added, 0 changed, "
        "1 destroyed"
    )


@pytest.mark.parametrize(
    ("command", "loss"),
    [
        ("init", "what is half fetched is fetched anew by the next init"),
        ("plan", "the state's lock stays behind until the next opsctl on this machine"),
        ("apply", "what is half made is then missing from the state, and the state's lock stays"),
        ("destroy", "what is half destroyed is then still in the state, and the state's lock stays"),
    ],
)
def test_each_command_says_what_a_second_ctrl_c_would_cost_before_and_when_it_comes(command, loss, tmp_path):
    assert f"Once more ends it at once: {loss}" in interrupting(command, 1).message
    assert f"Ending Terraform at once: {loss}" in interrupting(command, 2).message
    assert loss in interrupted(command, tmp_path, done=False, in_order=False).what
    assert loss not in interrupted(command, tmp_path, done=False, in_order=True).what
