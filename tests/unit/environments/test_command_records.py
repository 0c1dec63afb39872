"""What commands leave in the journal: those that ended, those that failed and those that were killed."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opsctl.environments.events import Notice
from opsctl.environments.history import read_history
from opsctl.environments.ports import Ports
from opsctl.environments.records import origin, record_abandoned, recorded
from opsctl.environments.up import up
from opsctl.errors import Interrupted, OpsctlError
from opsctl.journal import Entry, Journal, NotRecorded, Outbox, Record
from opsctl.terraform.masking import Masker

SINCE = "2026-11-21T11:55:00+00:00"


@pytest.fixture(autouse=True)
def bucket(ports: Ports, aws: Any) -> None:
    aws.buckets[ports.bucket.name] = {}


def outcome(ports: Ports) -> list[tuple[str, str]]:
    return [(record.entry.command, record.entry.result) for record in ports.journal.records()]


def kill(ports: Ports, command: str = "up", *, under_lock: bool = True, pid: int = 2**22 + 1) -> None:
    """What a command leaves whose process is gone (or, with another `pid`, is still at work)."""
    details = {"plan_sha256": "f" * 64, "from": {"pid": pid}}
    begun = Entry("local", command, SINCE, "arn:bob", socket.gethostname(), "abandoned", 0.0, details)
    ports.journal.begin(begun, under_lock=under_lock)


def fail(ports: Ports, error: BaseException, before: Callable[[], object] = lambda: None, **details: Any) -> None:
    with recorded(ports, "up", details):
        before()
        raise error


def test_a_record_says_who_did_what_from_where_and_with_which_plan(
    ports: Ports, terraform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    terraform.changes = {"created": 2, "deleted": 1}
    up(ports, approve=lambda plan: True, afresh=lambda lost: False)
    last = ports.journal.last()
    assert last is not None
    entry, details = last.entry, last.entry.details
    assert (entry.who, entry.host) == ("arn:aws:iam::111122223333:user/ada", socket.gethostname())
    assert details["from"]["pid"] == os.getpid()
    assert details["changes"] == {"created": ["test.created[0]", "test.created[1]"], "deleted": ["test.deleted[0]"]}
    assert (details["plan_sha256"], details["meaning"]) == ("f" * 64, "m" * 64)
    assert {"opsctl", "terraform", "provider"} <= set(details)
    assert ports.journal.begun() == []


def test_a_run_in_github_actions_is_named_by_its_address(ports: Ports) -> None:
    found = origin(ports, {
        "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7",
        "GITHUB_ACTOR": "ada",
    })  # fmt: skip
    assert (found["ci"], found["actor"]) == ("https://github.com/o/r/actions/runs/7", "ada")
    assert "ci" not in origin(ports, {})


def test_a_failure_is_recorded_with_its_words_and_an_unforeseen_one_with_its_class_only(ports: Ports) -> None:
    for error in (OpsctlError("The quota is 5."), ValueError("pa55word"), Interrupted("Stopped.")):
        with pytest.raises(type(error)):
            fail(ports, error)
    entries = [record.entry for record in ports.journal.records()]
    assert [(entry.result, entry.details["error"], entry.details.get("said")) for entry in entries] == [
        ("failed", "OpsctlError", "The quota is 5."), ("failed", "ValueError", None),
        ("interrupted", "Interrupted", "Stopped."),
    ]  # fmt: skip


def test_a_secret_of_the_environment_reaches_neither_journal_nor_outbox_nor_begun(ports: Ports, aws: Any) -> None:
    ports.journal = Journal(ports.bucket, "local", mask=Masker(["hunter2-hunter2"]))
    seen: list[bytes] = []
    with pytest.raises(OpsctlError):
        fail(
            ports, OpsctlError("aHVudGVyMi1odW50ZXIy was refused"), why="see hunter2-hunter2",
            before=lambda: seen.extend(aws.buckets[ports.bucket.name].values()),
        )  # fmt: skip
    text = b"".join([*seen, *aws.buckets[ports.bucket.name].values()])
    assert b"(masked)" in text
    assert b"hunter2" not in text
    assert b"aHVudGVyMi1odW50ZXIy" not in text


def test_a_command_that_was_killed_is_recorded_by_the_next_one_with_its_plan_and_both_identities(ports: Ports) -> None:
    kill(ports)
    assert outcome(ports) == []
    with recorded(ports, "down", {}, under_lock=True):
        pass
    assert outcome(ports) == [("up", "abandoned"), ("down", "done")]
    details = ports.journal.records()[0].entry.details
    assert details["plan_sha256"] == "f" * 64
    assert details["recorded_by"]["who"].endswith("user/ada")
    assert ports.journal.verify("").whole


def test_what_is_under_way_without_the_lock_is_left_alone_while_its_process_lives(ports: Ports) -> None:
    kill(ports, "queues redrive", under_lock=False, pid=os.getppid())
    with recorded(ports, "up", {}, under_lock=True):
        pass
    assert outcome(ports) == [("up", "done")]
    [begun] = ports.journal.begun()
    assert begun.entry.command == "queues redrive"


def test_who_takes_a_dead_command_s_lock_over_records_it_once(ports: Ports) -> None:
    kill(ports)
    for _ in range(2):
        record_abandoned(
            ports, command="up", who="arn:bob", host=socket.gethostname(), pid=2**22 + 1, since=SINCE,
            outcome="its terraform apply went on without it: done",
        )  # fmt: skip
    assert outcome(ports) == [("up", "abandoned")]
    assert ports.journal.records()[0].entry.details["outcome"].endswith("done")


def test_a_command_that_died_before_it_took_back_that_it_began_gets_no_second_record(ports: Ports) -> None:
    kill(ports)
    [begun] = ports.journal.begun()
    ports.journal.append(replace(begun.entry, result="done"))
    with recorded(ports, "down", {}, under_lock=True):
        pass
    assert outcome(ports) == [("up", "done"), ("down", "done")]
    assert ports.journal.begun() == []


def test_a_record_that_waited_on_a_machine_without_network_corrects_what_others_thought(
    ports: Ports, tmp_path: Path
) -> None:
    kill(ports)
    [begun] = ports.journal.begun()
    record_abandoned(ports, command="up", who="arn:bob", host="h", pid=2**22 + 1, since=SINCE)
    outbox = Outbox(tmp_path / "unrecorded")
    outbox.put(replace(begun.entry, result="done"))
    ports.journal = Journal(ports.bucket, "local", outbox=outbox)
    with recorded(ports, "down", {}, under_lock=True):
        pass
    assert outcome(ports) == [("up", "abandoned"), ("up", "done"), ("down", "done")]
    assert ports.journal.records()[1].entry.details["corrects"] == 1
    shown = read_history(ports.journal, limit=10)
    assert [r.entry.result for r in shown.records if isinstance(r, Record)] == ["done", "done"]


def test_a_command_that_died_with_its_record_on_its_disk_is_recorded_with_that(ports: Ports, tmp_path: Path) -> None:
    kill(ports)
    [begun] = ports.journal.begun()
    ports.journal = Journal(ports.bucket, "local", outbox=Outbox(tmp_path / "unrecorded"))
    ports.journal.outbox.put(replace(begun.entry, result="failed"))  # type: ignore[union-attr]
    with recorded(ports, "down", {}, under_lock=True):
        pass
    assert outcome(ports) == [("up", "failed"), ("down", "done")]


def test_a_dead_command_that_had_not_begun_is_recorded_as_having_changed_nothing(ports: Ports) -> None:
    record_abandoned(ports, command="up", who="arn:bob", host="elsewhere", pid=7, since=SINCE, why="a try")
    [record] = ports.journal.records()
    assert (record.entry.who, record.entry.host, record.entry.result) == ("arn:bob", "elsewhere", "abandoned")
    assert record.entry.details["outcome"] == "it had not begun to change anything"


def test_a_command_that_died_after_its_own_record_gets_no_second_one(ports: Ports) -> None:
    with recorded(ports, "up", {}):
        pass
    record_abandoned(ports, command="up", who="arn:ada", host=socket.gethostname(), pid=os.getpid(), since=SINCE)
    assert outcome(ports) == [("up", "done")]


def test_a_change_whose_record_can_not_be_written_is_done_and_said_and_its_record_comes_later(
    ports: Ports, tmp_path: Path, aws: Any
) -> None:
    ports.journal = Journal(ports.bucket, "local", outbox=Outbox(tmp_path / "unrecorded"))
    told: list[object] = []
    ports.on_event = told.append
    kept = aws.buckets[ports.bucket.name]
    with recorded(ports, "up", {}):
        del aws.buckets[ports.bucket.name]
    [notice] = [event for event in told if isinstance(event, Notice)]
    assert "unrecorded" in notice.text
    aws.buckets[ports.bucket.name] = kept
    with recorded(ports, "down", {}):
        pass
    assert outcome(ports) == [("up", "done"), ("down", "done")]
    assert ports.journal.begun() == []


def test_a_record_that_is_lost_for_good_fails_the_command_and_never_hides_its_own_error(ports: Ports, aws: Any) -> None:
    with pytest.raises(NotRecorded), recorded(ports, "up", {}):
        del aws.buckets[ports.bucket.name]
    aws.buckets[ports.bucket.name] = {}
    with pytest.raises(OpsctlError, match="the quota"):
        fail(ports, OpsctlError("the quota"), before=aws.buckets.clear)


def test_nothing_is_changed_where_it_can_not_be_said_that_something_begins(ports: Ports, aws: Any) -> None:
    del aws.buckets[ports.bucket.name]
    with pytest.raises(OpsctlError), recorded(ports, "up", {}):
        raise AssertionError("the block was run")
