"""The lock of an environment: whose it is, whether its holder lives, and that nobody loses or steals one."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.aws.errors import CloudUnreachable
from opsctl.environments.events import Notice
from opsctl.environments.intent import Intent
from opsctl.environments.locks import locking
from opsctl.environments.locks.lock import (
    FRESH_SECONDS,
    SILENT_SECONDS,
    TERRAFORM_SECONDS,
    Evidence,
    Life,
    Lock,
    Process,
    StateLock,
    TerraformRun,
    age,
    judge,
    judge_state_lock,
)
from opsctl.environments.locks.locking import EnvironmentLocked, LockLost, locked, look, require_held
from opsctl.environments.locks.unlocking import UnlockRefused, unlock
from opsctl.environments.ports import Ports
from opsctl.environments.records import run_url
from opsctl.environments.state_bucket import StateBucket
from opsctl.errors import Locked, OpsctlError
from opsctl.exit_codes import ExitCode
from opsctl.journal import Journal
from opsctl.terraform.run_record import FILE_NAME
from tests.unit.environments.conftest import EPOCH, MemoryAws

HERE = Process("laptop", 100, 5, "boot-a", "pid:[1]", "m-laptop")
GONE = replace(HERE, pid=99, ticks=3)
"""A process of this machine that is not alive."""
ELSEWHERE = Process("build-7", 4711, 9, "boot-b", "pid:[1]", "m-build")
BOB = "arn:aws:iam::111122223333:user/bob"
BUCKET = "shop-state-111122223333-eu-central-1"
KEY, STATE_KEY = "locks/local.json", "local/terraform.tfstate.tflock"


def lock_of(process: Process, **rest: Any) -> Lock:
    since = EPOCH.isoformat()
    values: dict[str, Any] = {
        "id": "theirs", "environment": "local", "command": "up", "who": BOB, "user": "bob", "process": process,
        "work": "/nowhere", "since": since, "seen": since, "why": "a new queue",
    }  # fmt: skip
    return Lock(**values | rest)


def state_lock(who: str, created: datetime = EPOCH) -> bytes:
    stamp = created.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    return json.dumps({"ID": "t-1", "Operation": "OperationTypeApply", "Who": who, "Created": stamp}).encode()


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """We are process 100 of the laptop, and no other process of it is alive."""
    monkeypatch.setattr(locking, "this_process", lambda: HERE)
    monkeypatch.setattr(locking, "is_alive", lambda process: process == HERE)
    monkeypatch.setattr(locking, "user", lambda: "ada")


@pytest.fixture
def told(ports: Ports) -> list[str]:
    """Notices that the person got."""
    texts: list[str] = []
    ports.on_event = lambda event: texts.append(event.text) if isinstance(event, Notice) else None
    return texts


@pytest.fixture
def bucket(aws: MemoryAws) -> dict[str, bytes]:
    aws.buckets[BUCKET] = {}
    return aws.buckets[BUCKET]


def put(bucket: dict[str, bytes], lock: Lock) -> None:
    bucket[KEY] = lock.to_json().encode()


def hold(ports: Ports, **intent: Any) -> None:
    with locked(ports, "up", Intent(**intent)):
        pass


def yes(_: object) -> bool:
    return True


# Judging


@pytest.mark.parametrize(
    ("process", "seen", "life", "may_succeed"),
    [
        (GONE, {"alive": True}, Life.LIVE, False),
        (GONE, {"alive": True, "silence": 9999}, Life.LIVE, False),
        (GONE, {"alive": False}, Life.ORPHANED, True),
        (GONE, {"alive": False, "terraform": "terraform apply (process 7)"}, Life.LIVE, False),
        (GONE, {"alive": False, "terraform": "terraform apply (process 7)", "is_ours": True}, Life.LIVE, True),
        (GONE, {"alive": False, "terraform": None}, Life.UNKNOWN, False),
        (replace(GONE, boot="boot-z"), {"silence": FRESH_SECONDS + 1}, Life.ORPHANED, True),
        (replace(GONE, boot="boot-z"), {"silence": FRESH_SECONDS}, Life.LIVE, False),
        (replace(GONE, boot="boot-z", machine="m-other"), {"silence": FRESH_SECONDS + 1}, Life.UNKNOWN, False),
        (replace(GONE, boot="boot-z", machine=""), {"silence": FRESH_SECONDS + 1}, Life.UNKNOWN, False),
        (replace(GONE, namespace="pid:[2]"), {"alive": False, "silence": 5}, Life.LIVE, False),
        (replace(GONE, namespace="pid:[2]"), {"silence": SILENT_SECONDS + 1}, Life.ORPHANED, False),
        (ELSEWHERE, {"silence": FRESH_SECONDS}, Life.LIVE, False),
        (ELSEWHERE, {"silence": FRESH_SECONDS + 1}, Life.UNKNOWN, False),
        (ELSEWHERE, {"silence": SILENT_SECONDS}, Life.UNKNOWN, False),
        (ELSEWHERE, {"silence": SILENT_SECONDS + 1}, Life.ORPHANED, False),
        (ELSEWHERE, {"silence": SILENT_SECONDS + 1, "holds_state": True}, Life.UNKNOWN, False),
        (ELSEWHERE, {"silence": TERRAFORM_SECONDS + 1, "holds_state": True}, Life.ORPHANED, False),
    ],
)
def test_who_lives_is_judged_by_what_can_be_seen(
    process: Process, seen: dict[str, Any], life: Life, may_succeed: bool
) -> None:
    evidence = Evidence(
        HERE, seen.get("alive"), seen.get("terraform", ""), seen.get("silence", 0.0), seen.get("holds_state", False),
        seen.get("is_ours", False),
    )  # fmt: skip
    verdict = judge(lock_of(process), evidence)
    assert (verdict.life, verdict.may_succeed) == (life, may_succeed)
    assert verdict.why


@given(
    process=st.builds(
        Process, st.sampled_from(["laptop", "x"]), st.integers(1, 9), st.integers(0, 9),
        st.sampled_from(["", "boot-a", "b"]), st.sampled_from(["", "pid:[1]", "pid:[2]"]),
        st.sampled_from(["", "m-laptop", "m"]),
    ),
    evidence=st.builds(
        Evidence, st.just(HERE), st.sampled_from([True, False, None]), st.sampled_from(["", None, "terraform apply"]),
        st.floats(0, 1e6), st.booleans(), st.booleans(),
    ),
)  # fmt: skip
def test_only_a_process_of_this_machine_that_is_seen_to_be_gone_is_succeeded_without_being_asked(
    process: Process, evidence: Evidence
) -> None:
    verdict = judge(lock_of(process), evidence)
    if verdict.may_succeed:
        on_this_machine = HERE.sees(process) or HERE.is_after_restart_of(process)
        assert on_this_machine
        assert not evidence.alive or not HERE.sees(process)
        assert verdict.life is Life.ORPHANED or (evidence.terraform and evidence.is_ours)
    if evidence.alive and HERE.sees(process):
        assert verdict.life is Life.LIVE
    if evidence.silence_seconds <= FRESH_SECONDS and not HERE.sees(process):
        assert verdict.life is Life.LIVE


def test_terraform_s_own_lock_is_judged_by_its_run_here_and_unknown_otherwise() -> None:
    lock = StateLock.from_json(state_lock("ada@laptop").decode())
    run = TerraformRun("apply", 7, False, EPOCH, EPOCH + timedelta(minutes=1))
    lives = [
        judge_state_lock(lock, HERE, "ada", replace(run, is_alive=True)),
        judge_state_lock(lock, HERE, "ada", run),
        judge_state_lock(lock, HERE, "ada", None),
        judge_state_lock(lock, HERE, "bob", run),
        judge_state_lock(lock, HERE, "ada", replace(run, started=EPOCH + timedelta(seconds=9))),
        judge_state_lock(replace(lock, who="ada@build-7"), HERE, "ada", run),
    ]
    assert [verdict.life for verdict in lives] == [Life.LIVE, Life.ORPHANED, *[Life.UNKNOWN] * 4]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4, "4 s"), (89, "89 s"), (720, "12 min"), (11100, "3 h 05 min"), (200000, "2 days"), (-3, "0 s")],
)
def test_ages_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert age(seconds) == words


# The document

texts = st.text(max_size=20)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat)
locks = st.builds(
    Lock, texts, texts, texts, texts, texts,
    st.builds(Process, texts, st.integers(1, 2**31 - 1), st.integers(0, 2**63), texts, texts, texts),
    texts, moments, moments, texts, texts,
)  # fmt: skip
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(locks)
def test_a_lock_is_read_as_it_was_written(lock: Lock) -> None:
    assert Lock.from_json(lock.to_json()) == lock


def test_fields_of_a_later_version_are_passed_over() -> None:
    document = json.loads(lock_of(HERE).to_json()) | {"mood": "good"}
    assert Lock.from_json(json.dumps(document)) == lock_of(HERE)


@given(lock=locks, field=st.sampled_from(["id", "who", "process", "since", "seen", "why"]), value=documents)
def test_a_lock_with_a_wrong_field_is_told_from_a_good_one(lock: Lock, field: str, value: Any) -> None:
    document = json.loads(lock.to_json()) | {field: value}
    with contextlib.suppress(ValueError):
        assert json.loads(Lock.from_json(json.dumps(document)).to_json())[field] == value


@pytest.mark.parametrize("change", [{"pid": 0}, {"pid": -1}, {"pid": 2**40}, {"pid": "7"}, {"host": None}])
def test_a_process_that_can_t_be_is_no_holder(change: dict[str, Any]) -> None:
    document = json.loads(lock_of(HERE).to_json())
    with pytest.raises(ValueError, match="its "):
        Lock.from_json(json.dumps(document | {"process": document["process"] | change}))


@pytest.mark.parametrize("since", ["yesterday", "2026-11-21T12:00:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_can_t_be_is_none(since: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Lock.from_json(lock_of(HERE, since=since).to_json())


@pytest.mark.parametrize("key", [KEY, STATE_KEY])
@pytest.mark.parametrize("body", [b"", b"null", b"\xff\xfe", b"{}", b"[" * 200_000, b'{"process": {}}', b'{"ID": 3}'])
def test_an_object_that_is_no_lock_locks_with_a_clear_error_and_is_removed_by_force(
    ports: Ports, bucket: dict[str, bytes], key: str, body: bytes
) -> None:
    bucket[key] = body
    with pytest.raises(Locked) as refused:
        hold(ports)
    assert "can't be read" in str(refused.value)
    assert "--force --name local" in refused.value.next
    with pytest.raises(UnlockRefused):
        unlock(ports, force=False, approve=yes)
    assert bucket[key] == body
    unlock(ports, force=True, approve=yes)
    hold(ports)


# Taking and releasing


def test_a_lock_says_who_where_since_when_and_why_and_is_gone_at_the_end(
    ports: Ports, bucket: dict[str, bytes]
) -> None:
    with locked(ports, "down", Intent(why="the demo is over")):
        found = look(ports)
        assert found is not None
        document = found.to_json()
    assert document["state"] == "live"
    assert (document["command"], document["why"], document["host"]) == ("down", "the demo is over", "laptop")
    assert (document["who"], document["pid"]) == ("arn:aws:iam::111122223333:user/ada", 100)
    assert KEY not in bucket


def test_a_command_costs_three_requests(ports: Ports, aws: Any, bucket: dict[str, bytes]) -> None:
    hold(ports)
    assert aws.calls == ["put_object", "get_object", "delete_object"]


def test_a_lock_is_released_after_an_error_too_and_the_error_is_the_command_s(
    ports: Ports, bucket: dict[str, bytes]
) -> None:
    with pytest.raises(ZeroDivisionError), locked(ports, "up", Intent()):
        raise ZeroDivisionError
    assert KEY not in bucket


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_would_end_us_releases_the_lock_first(
    ports: Ports, bucket: dict[str, bytes], number: signal.Signals
) -> None:
    with pytest.raises(KeyboardInterrupt), locked(ports, "up", Intent()):  # noqa: PT012
        assert signal.getsignal(number) is not signal.SIG_DFL
        signal.raise_signal(number)
    assert KEY not in bucket
    assert signal.getsignal(number) is signal.SIG_DFL


def test_without_a_bucket_there_is_nothing_to_lock_but_the_work_folder(ports: Ports, aws: Any) -> None:
    hold(ports)
    assert aws.buckets == {}


def test_a_command_within_a_command_uses_its_lock(ports: Ports, bucket: dict[str, bytes]) -> None:
    with locked(ports, "runbook", Intent()):
        hold(ports)
        assert json.loads(bucket[KEY])["command"] == "runbook"


def test_somebody_at_work_on_another_machine_is_named(ports: Ports, bucket: dict[str, bytes]) -> None:
    put(bucket, lock_of(ELSEWHERE, url="https://ci/runs/7"))
    ports.clock.sleep(40)
    with pytest.raises(EnvironmentLocked) as refused:
        hold(ports)
    error = refused.value
    assert error.exit_code is ExitCode.LOCKED
    assert "locked by bob (arn:aws:iam::111122223333:user/bob) since 12:00 UTC, 40 s ago: opsctl up" in error.what
    for word in ("build-7", "4711", "why: a new queue", "https://ci/runs/7", "live", "40 s ago"):
        assert word in error.where
    assert "--lock-wait" in error.next
    assert json.loads(bucket[KEY])["id"] == "theirs"


def test_somebody_silent_on_another_machine_is_not_succeeded_by_itself(ports: Ports, bucket: dict[str, bytes]) -> None:
    put(bucket, lock_of(ELSEWHERE))
    ports.clock.sleep(SILENT_SECONDS + 1)
    with pytest.raises(EnvironmentLocked) as refused:
        hold(ports)
    assert refused.value.next == "Release it: opsctl unlock local"
    assert json.loads(bucket[KEY])["id"] == "theirs"


@pytest.mark.parametrize("skew", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_clocks_of_two_machines_may_differ(ports: Ports, aws: Any, bucket: dict[str, bytes], skew: timedelta) -> None:
    theirs = (EPOCH + skew).isoformat()
    ports.bucket.write(KEY, lock_of(ELSEWHERE, since=theirs, seen=theirs).to_json().encode())
    lives: list[Life] = []
    for _ in range(3):
        ports.clock.sleep(SILENT_SECONDS / 2 - 1 if lives else 30)
        found = look(ports)
        assert found is not None
        lives.append(found.verdict.life)
    assert lives == [Life.LIVE, Life.UNKNOWN, Life.ORPHANED]
    assert found is not None
    assert found.held_seconds == ports.clock.monotonic()


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_over_said_and_recorded(
    ports: Ports, bucket: dict[str, bytes], told: list[str]
) -> None:
    put(bucket, lock_of(GONE))
    bucket[STATE_KEY] = state_lock("bob@laptop", EPOCH + timedelta(seconds=2))
    with locked(ports, "up", Intent()):
        assert json.loads(bucket[KEY])["user"] == "ada"
        assert STATE_KEY not in bucket
    assert "Took over the lock of bob's opsctl up" in told[0]
    [record] = ports.journal.records()
    assert (record.entry.command, record.entry.result, record.entry.who[-3:]) == ("up", "abandoned", "bob")


def test_what_a_dead_command_s_terraform_still_does_here_is_left_to_the_runner(
    ports: Ports, bucket: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bucket, lock_of(GONE, work=str(ports.environment.work.resolve())))
    bucket[STATE_KEY] = state_lock("ada@laptop")
    monkeypatch.setattr(locking, "_terraform_of", lambda lock: "terraform apply (process 7)")
    monkeypatch.setattr(locking, "_run", lambda work: TerraformRun("apply", 7, True, EPOCH, EPOCH))
    with locked(ports, "up", Intent()):
        assert STATE_KEY in bucket
    put(bucket, lock_of(GONE, work=str(ports.environment.work.resolve())))
    with pytest.raises(UnlockRefused) as refused:
        unlock(ports, force=False, approve=yes)
    assert "opsctl up local (or down) follows it" in refused.value.next


def second(ports: Ports, tmp_path: Path, process: Process) -> Ports:
    """The same environment from another checkout."""
    work = tmp_path / "elsewhere"
    environment = replace(ports.environment, work=work)
    bucket = StateBucket(environment, ports.aws)
    return replace(ports, environment=environment, bucket=bucket, journal=Journal(bucket, environment.name))


def test_of_two_who_find_a_dead_command_s_lock_at_once_exactly_one_takes_it(
    ports: Ports, aws: Any, bucket: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bucket, lock_of(GONE))
    rival, winner = second(ports, tmp_path, HERE), contextlib.ExitStack()
    read = aws.get_object

    def read_and_be_overtaken(**parameters: Any) -> Any:
        """By the time that both objects were read, the first is another's."""
        if parameters["Key"] == STATE_KEY:
            monkeypatch.setattr(aws, "get_object", read)
            winner.enter_context(locked(rival, "down", Intent()))
        return read(**parameters)

    monkeypatch.setattr(aws, "get_object", read_and_be_overtaken)
    with winner:
        with pytest.raises(EnvironmentLocked, match="opsctl down"):
            hold(ports)
        assert json.loads(bucket[KEY])["command"] == "down"
    assert KEY not in bucket


def test_a_write_whose_answer_was_lost_is_known_as_our_own(
    ports: Ports, aws: Any, bucket: dict[str, bytes], told: list[str]
) -> None:
    write = aws.put_object

    def write_twice(**parameters: Any) -> Any:
        aws.put_object = write
        write(**parameters)
        return write(**parameters)

    def write_and_hear_nothing(**parameters: Any) -> Any:
        aws.put_object = write
        write(**parameters)
        raise CloudUnreachable("No network.")

    aws.put_object = write_twice
    with locked(ports, "up", Intent()):
        ports.clock.sleep(15)
        aws.put_object = write_twice
        require_held(ports)
        ports.clock.sleep(15)
        aws.put_object = write_and_hear_nothing
        with pytest.raises(CloudUnreachable):
            require_held(ports)
    assert KEY not in bucket
    assert told == []


def test_nobody_else_s_lock_is_released(ports: Ports, bucket: dict[str, bytes]) -> None:
    with locked(ports, "up", Intent()):
        put(bucket, lock_of(ELSEWHERE))
    assert json.loads(bucket[KEY])["id"] == "theirs"


def test_a_lock_that_can_t_be_released_is_said_and_hides_nothing(
    ports: Ports, aws: Any, bucket: dict[str, bytes], told: list[str]
) -> None:
    def fail(**_: Any) -> None:
        raise CloudUnreachable("No network.")

    with pytest.raises(ZeroDivisionError), locked(ports, "up", Intent()):  # noqa: PT012
        aws.delete_object = fail
        raise ZeroDivisionError
    assert "could not be released (No network.)" in told[0]
    del aws.delete_object
    hold(ports)  # our own process holds it no more: the next command takes it over
    assert KEY not in bucket


# Signs of life


@pytest.mark.parametrize("theirs", [None, lock_of(ELSEWHERE)], ids=["released", "taken"])
def test_a_lock_that_was_taken_from_us_is_noticed_before_anything_is_changed(
    ports: Ports, bucket: dict[str, bytes], theirs: Lock | None
) -> None:
    with pytest.raises(LockLost) as lost, locked(ports, "up", Intent()):  # noqa: PT012
        require_held(ports)
        del bucket[KEY]
        if theirs:
            put(bucket, theirs)
        require_held(ports)
    assert lost.value.exit_code is ExitCode.LOCKED
    assert ("bob" if theirs else "released it") in lost.value.what
    assert (KEY in bucket) == bool(theirs)


def test_a_heartbeat_that_finds_the_lock_gone_ends_the_command_as_ctrl_c_would_and_says_why(
    ports: Ports, bucket: dict[str, bytes], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "HEARTBEAT_SECONDS", 0.001)
    with pytest.raises(LockLost, match="bob") as lost, locked(ports, "up", Intent()):  # noqa: PT012
        put(bucket, lock_of(ELSEWHERE))
        signal.sigtimedwait([], 30)  # until the interrupt comes
    assert isinstance(lost.value.__cause__, KeyboardInterrupt)
    assert told == ["Somebody took the lock from this command: stopping in order."]


def test_a_failure_of_a_command_that_lost_its_lock_is_told_as_it_is(ports: Ports, bucket: dict[str, bytes]) -> None:
    with pytest.raises(CloudUnreachable), locked(ports, "up", Intent()):  # noqa: PT012
        put(bucket, lock_of(ELSEWHERE))
        next(iter(locking._held.values())).beat()
        raise CloudUnreachable("No network.")


def test_a_sign_of_life_renews_the_lock_and_a_network_that_fails_for_a_while_takes_nothing_from_us(
    ports: Ports, aws: Any, bucket: dict[str, bytes]
) -> None:
    with locked(ports, "up", Intent()):
        [held] = locking._held.values()
        ports.clock.sleep(100)
        held.beat()
        found = look(ports)
        assert found is not None
        assert found.silence_seconds == 0
        write, aws.put_object = aws.put_object, lambda **_: (_ for _ in ()).throw(CloudUnreachable("No network."))
        with pytest.raises(CloudUnreachable):
            require_held(ports)
        aws.put_object = write
        require_held(ports)
    assert KEY not in bucket


# Waiting


def after(ports: Ports, until: float, action: Callable[[], object]) -> None:
    """Let `action` happen when the clock has been slept to `until`."""
    sleep = ports.clock.sleep

    def sleeping(seconds: float) -> None:
        sleep(seconds)
        if ports.clock.monotonic() >= until:
            action()

    ports.clock.sleep = sleeping  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("key", "body"), [(KEY, lock_of(ELSEWHERE).to_json().encode()), (STATE_KEY, state_lock("ci@build-7"))],
    ids=["opsctl", "terraform"],
)  # fmt: skip
def test_with_lock_wait_the_end_of_another_s_work_is_waited_for_and_said_once(
    ports: Ports, bucket: dict[str, bytes], told: list[str], key: str, body: bytes
) -> None:
    bucket[key] = body
    after(ports, 45, lambda: bucket.pop(key, None))
    with locked(ports, "up", Intent(lock_wait_seconds=60), draw=lambda low, high: high):
        assert 45 <= ports.clock.monotonic() < 46
    assert len(told) == 2
    assert "build-7" in told[0] or "bob" in told[0]
    assert "Waiting up to 60 s" in told[0]
    assert told[1] == "Still waiting, for 30 s now."
    assert bucket == {}


def test_waiting_ends_with_the_same_error_when_the_time_is_over(ports: Ports, bucket: dict[str, bytes]) -> None:
    put(bucket, lock_of(ELSEWHERE))
    with pytest.raises(EnvironmentLocked):
        hold(ports, lock_wait_seconds=7)
    assert ports.clock.monotonic() == 7


def test_terraform_s_lock_of_another_machine_is_named_before_anything_is_built_and_ours_is_not_left(
    ports: Ports, bucket: dict[str, bytes]
) -> None:
    bucket[STATE_KEY] = state_lock("ci@build-7")
    with pytest.raises(EnvironmentLocked, match="ci@build-7") as refused:
        hold(ports)
    assert "unknown" in refused.value.where
    assert set(bucket) == {STATE_KEY}


# Unlocking


def test_an_orphaned_lock_is_released_with_terraform_s_and_both_commands_are_recorded(
    ports: Ports, bucket: dict[str, bytes]
) -> None:
    put(bucket, lock_of(ELSEWHERE))
    bucket[STATE_KEY] = state_lock("bob@build-7", EPOCH + timedelta(seconds=3))
    ports.clock.sleep(TERRAFORM_SECONDS + 1)
    done = unlock(ports, force=False, approve=yes)
    assert done.before is not None
    assert not done.forced
    assert not {KEY, STATE_KEY} & set(bucket)
    assert [(r.entry.command, r.entry.result) for r in ports.journal.records()] == [
        ("up", "abandoned"),
        ("unlock", "done"),
    ]
    assert ports.journal.records()[-1].entry.details["lock"]["user"] == "bob"
    assert unlock(ports, force=False, approve=yes).before is None


@pytest.mark.parametrize("silence", [5.0, SILENT_SECONDS - 1], ids=["live", "unknown"])
def test_a_lock_that_may_be_held_needs_force(ports: Ports, bucket: dict[str, bytes], silence: float) -> None:
    put(bucket, lock_of(ELSEWHERE))
    ports.clock.sleep(silence)
    with pytest.raises(UnlockRefused, match="bob") as refused:
        unlock(ports, force=False, approve=yes)
    assert refused.value.exit_code is ExitCode.REFUSED
    assert "--force --name local" in refused.value.next
    assert json.loads(bucket[KEY])["id"] == "theirs"
    assert unlock(ports, force=True, approve=yes).forced
    assert KEY not in bucket


def test_unlock_leaves_alone_what_nobody_agreed_to_and_what_is_not_there(
    ports: Ports, bucket: dict[str, bytes], aws: Any
) -> None:
    put(bucket, lock_of(GONE))
    with pytest.raises(UnlockRefused):
        unlock(ports, force=False, approve=lambda _: False)
    assert set(bucket) == {KEY}
    aws.buckets.clear()
    assert unlock(ports, force=False, approve=yes).before is None


@pytest.mark.parametrize("force", [False, True])
def test_a_sign_of_life_while_a_person_thinks_saves_the_lock_unless_forced(
    ports: Ports, bucket: dict[str, bytes], force: bool
) -> None:
    put(bucket, lock_of(ELSEWHERE))
    ports.clock.sleep(SILENT_SECONDS + 1 if not force else 5)

    def think(_: object) -> bool:
        put(bucket, lock_of(ELSEWHERE, seen=(EPOCH + timedelta(seconds=15)).isoformat()))
        return True

    if force:
        unlock(ports, force=True, approve=think)
        assert KEY not in bucket
    else:
        with pytest.raises(UnlockRefused, match="changed meanwhile"):
            unlock(ports, force=False, approve=think)
        assert KEY in bucket


# Details


def test_the_ci_run_is_named_where_there_is_one() -> None:
    run = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "shop/shop", "GITHUB_RUN_ID": "7"}
    assert run_url(run) == "https://github.com/shop/shop/actions/runs/7"
    assert run_url({}) == ""


@pytest.fixture
def unpatched(monkeypatch: pytest.MonkeyPatch, here: None) -> None:
    monkeypatch.undo()


def test_this_process_is_alive_and_one_with_its_number_of_another_start_is_not(unpatched: None) -> None:
    process = locking.this_process()
    assert process.sees(process)
    assert locking.is_alive(process)
    assert not locking.is_alive(replace(process, ticks=process.ticks + 1))
    assert process.boot
    assert process.namespace


def test_a_record_of_a_run_that_can_t_be_read_tells_nothing(ports: Ports) -> None:
    (ports.environment.work / FILE_NAME).write_text('{"pid": 1}')
    assert locking._run(ports.environment.work) is None


def test_errors_of_the_lock_are_errors_that_a_user_can_act_on() -> None:
    assert issubclass(EnvironmentLocked, OpsctlError)
    assert issubclass(LockLost, OpsctlError)
