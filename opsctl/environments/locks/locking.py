"""The lock of an environment: one command at a time changes it, and everybody can see who, since when and why.

It is two things. An flock in the work folder keeps out other commands on this machine, and ends with its process. The
object `locks/<environment>.json` in the state bucket keeps out other machines for the whole command, not only while
Terraform holds the state; it is written if nothing is there, renewed and removed only over the version that we know,
so of two who try one wins, and nobody ever removes another's lock (S3's conditional writes and deletes).

How old a sign of life is, is told by the bucket's clock alone (an object's date against the answer's), so the clocks
of the machines may differ as they like.

What it costs: 3 requests for a command (write, a look at Terraform's lock, remove), 1 before an apply, and 1 every
15 s: 105 for an `up` of 25 minutes, less than 0.001 $ at 0.005 $ for 1,000 writes (S3 pricing, us-east-1).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, reduce
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from opsctl import processes
from opsctl.aws.errors import NotFound
from opsctl.environments import records
from opsctl.environments.events import Notice
from opsctl.environments.intent import Intent
from opsctl.environments.locks.lock import (
    HEARTBEAT_SECONDS,
    Evidence,
    Life,
    Lock,
    Process,
    StateLock,
    TerraformRun,
    Verdict,
    age,
    graver,
    judge,
    judge_state_lock,
    moment,
)
from opsctl.environments.lost_cloud import find_lost_cloud
from opsctl.environments.ports import Ports
from opsctl.environments.state_bucket import Found
from opsctl.errors import Interrupted, Locked, OpsctlError
from opsctl.terraform.adoption import left_behind
from opsctl.terraform.lock import LockHeld, exclusive, user
from opsctl.terraform.run_record import read_run, started_ticks

Answer = TypeVar("Answer")

LOCK = "lock"
"""File in the work folder: held from the first look at the state until the last, so that no two commands mix."""
POLL_SECONDS = {True: (0.2, 0.6), False: (2.0, 5.0)}
"""Between two tries for somebody else's lock, drawn between these: locally, and on AWS."""
SAY_SECONDS = 30.0
"""Between two reports of how long we have waited."""


# What is there


@dataclass(frozen=True)
class Situation:
    """The locks of an environment at one moment, and what is to be thought of them.

    Attributes:
        verdict: of both; `own` is that of the environment's lock alone, where it can be read.
        lock: the environment's; None if there is none or it can't be read.
        state_lock: Terraform's own; None likewise.
        silence_seconds, held_seconds: since the last sign of life; since it was taken.
        found, state_found: the objects as they were read, to be released in just that version.
    """

    environment: str
    verdict: Verdict
    own: Verdict | None = None
    lock: Lock | None = None
    state_lock: StateLock | None = None
    silence_seconds: float = 0.0
    held_seconds: float = 0.0
    found: Found | None = None
    state_found: Found | None = None

    @property
    def holder(self) -> str:
        """Who holds it, since when and with what: one sentence without its end."""
        if self.lock:
            since = moment(self.lock.since)
            return (
                f"{self.lock.user} ({self.lock.who}) since {since:%H:%M} UTC, {age(self.held_seconds)} ago: "
                f"opsctl {self.lock.command}"
            )
        if self.state_lock:
            return (
                f"{self.state_lock.who} since {self.state_lock.created:%H:%M} UTC, {age(self.held_seconds)} ago: "
                f"Terraform itself ({self.state_lock.operation or 'operation unknown'})"
            )
        return "a lock that can't be read"

    @property
    def place(self) -> str:
        """Where the holder runs, whether it lives, and why it does what it does: a line for each."""
        lines = [f"{self.verdict.life.value}: {self.verdict.why}"]
        if self.lock:
            lines.insert(0, f"{self.lock.process.host}, process {self.lock.process.pid}")
            lines += [f"why: {self.lock.why}"] if self.lock.why else []
            lines += [self.lock.url] if self.lock.url else []
        return "\n         ".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The schema of `status --json` and `unlock --json`: `lock`."""
        lock, state = self.lock, self.state_lock
        return {
            "state": self.verdict.life.value,
            "reason": self.verdict.why,
            "who": lock.who if lock else state.who if state else None,
            "user": lock.user if lock else None,
            "host": lock.process.host if lock else state.host if state else None,
            "pid": lock.process.pid if lock else None,
            "command": lock.command if lock else None,
            "why": lock.why if lock else None,
            "since": lock.since if lock else state.created.isoformat() if state else None,
            "held_seconds": round(self.held_seconds, 1),
            "silent_seconds": round(self.silence_seconds, 1),
            "url": lock.url if lock else None,
            "terraform": {"id": state.id, "who": state.who, "operation": state.operation,
                          "since": state.created.isoformat()} if state else None,
        }  # fmt: skip


def look(ports: Ports) -> Situation | None:
    """Both locks and a judgement; None where the environment is free. Two reads.

    Raises:
        AwsError: the bucket is not there or can't be read.
    """
    found = ports.bucket.find(key(ports.environment.name))
    state_found = ports.bucket.find(state_key(ports))
    if found is None and state_found is None:
        return None
    verdicts: list[Verdict] = []
    lock = _parsed(found, Lock.from_json, verdicts)
    state_lock = _parsed(state_found, StateLock.from_json, verdicts)
    belongs, own = bool(lock and state_lock and state_lock.is_of(lock)), None
    if lock and found:
        own = judge(lock, _evidence(ports, lock, found.age_seconds, holds_state=belongs))
        verdicts.append(own)
    if state_lock and not belongs:
        verdicts.append(judge_state_lock(state_lock, this_process(), user(), _run(ports.environment.work)))
    verdict = reduce(graver, verdicts)
    silence = found.age_seconds if found else 0.0
    held = lock.held_seconds + silence if lock else state_found.age_seconds if state_found else silence
    return Situation(ports.environment.name, verdict, own, lock, state_lock, silence, held, found, state_found)


def key(environment: str) -> str:
    """Where an environment's lock lies in the state bucket: not below its state, which is archived as a whole."""
    return f"locks/{environment}.json"


def state_key(ports: Ports) -> str:
    """Where Terraform's own lock lies. Source: Terraform's S3 backend, use_lockfile."""
    return f"{ports.environment.state_key}.tflock"


def this_process() -> Process:
    """Who we are, so that others can tell whether we still are."""
    pid = os.getpid()
    return Process(socket.gethostname(), pid, started_ticks(pid), *_machine())


def is_alive(process: Process) -> bool:
    """Whether a process whose number means the same here still runs."""
    return processes.is_alive(process.pid) and started_ticks(process.pid) == process.ticks


def _evidence(ports: Ports, lock: Lock, silence_seconds: float, *, holds_state: bool) -> Evidence:
    here = this_process()
    if not here.sees(lock.process):
        return Evidence(here, None, None, silence_seconds, holds_state)
    # A lock of our own process that nobody here holds is one that could not be released.
    left_by_us = lock.process == here and all(held.lock.id != lock.id for held in _held.values())
    return Evidence(
        here, is_alive(lock.process) and not left_by_us, _terraform_of(lock), silence_seconds, holds_state,
        is_ours=Path(lock.work) == ports.environment.work.resolve(),
    )  # fmt: skip


def _terraform_of(lock: Lock) -> str | None:
    work = Path(lock.work)
    if work.exists() and not os.access(work, os.R_OK | os.X_OK):
        return None
    run = read_run(work)
    return f"terraform {run.command} (process {run.pid})" if run and run.is_alive else ""


def _run(work: Path) -> TerraformRun | None:
    run = read_run(work)
    if run is None:
        return None
    try:
        ended = moment(run.ended_at) if run.ended_at else datetime.now(UTC)
        return TerraformRun(run.command, run.pid, run.is_alive, moment(run.started_at).replace(microsecond=0), ended)
    except ValueError:
        return None


def _parsed(found: Found | None, read: Callable[[str], Answer], verdicts: list[Verdict]) -> Answer | None:
    """What an object says; one that says nothing we understand is a lock of which nothing is known."""
    if found is None:
        return None
    try:
        return read(found.body.decode())
    except (ValueError, RecursionError) as error:
        verdicts.append(Verdict(Life.UNKNOWN, f"the lock's object can't be read: {error}"))
        return None


@cache
def _machine() -> tuple[str, str, str]:
    """Boot, namespace of process numbers, installation. Sources: random(4), pid_namespaces(7), machine-id(5), which
    asks to keep the id itself to the machine."""
    identifier = _text("/etc/machine-id")
    hashed = hashlib.sha256(f"opsctl lock {identifier}".encode()).hexdigest()[:16] if identifier else ""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return _text("/proc/sys/kernel/random/boot_id"), namespace, hashed


def _text(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""


# When it can't be had


class EnvironmentLocked(Locked):
    """Somebody else works on the environment, or may do so."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        name = situation.environment
        released = {
            Life.LIVE: f"Wait for it with --lock-wait 600, or ask there. opsctl status {name} shows how it goes on.",
            Life.ORPHANED: f"Release it: opsctl unlock {name}",
            Life.UNKNOWN: f"Wait with --lock-wait 600. If you know that it is gone: "
                          f"opsctl unlock {name} --force --name {name}",
        }  # fmt: skip
        super().__init__(
            f"{name} is locked by {situation.holder}.",
            where=situation.place,
            next=released[situation.verdict.life],
        )

    @classmethod
    def by(cls, held: LockHeld, situation: Situation | None) -> Locked:
        """The error for this machine's flock; the lock's object says more about the same holder, if it is there."""
        lock, holder = situation and situation.lock, held.holder
        if situation and lock and holder and (lock.process.host, lock.process.pid) == (holder.host, holder.pid):
            return cls(situation)
        return held


class LockLost(Locked):
    """Our lock was taken from us: somebody judged that we are gone. What came after may have met their changes."""

    def __init__(self, environment: str, now: Situation | None) -> None:
        by = f"It is now held by {now.holder}" if now and now.lock else "Somebody released it (opsctl unlock --force)"
        super().__init__(
            f"The lock of {environment} was taken from this command while it was at work, so it stopped. {by}.",
            next=f"opsctl history {environment} says who. Then run the command again: it goes on from there.",
        )


# Taking, keeping, releasing


class Heartbeat:
    """A lock that we hold, and the thread that renews it. Everything happens over the version that we wrote last."""

    def __init__(self, ports: Ports, lock: Lock, etag: str, on_lost: Callable[[], None]) -> None:
        self.lock, self.etag, self.is_lost = lock, etag, False
        self._ports, self._on_lost = ports, on_lost
        self._one_at_a_time, self._stopped = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._live, name="lock heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further sign of life begins. One that is under way in a slow network is not waited for."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def beat(self) -> None:
        """Give a sign of life; notice when the lock is no longer ours.

        Raises:
            AwsError: the bucket can't be reached. The lock is ours until somebody judges otherwise.
        """
        with self._one_at_a_time:
            renewed = replace(self.lock, seen=_now(self._ports))
            etag = self._ports.bucket.replace(key(self.lock.environment), renewed.to_json().encode(), self.etag)
            if etag is None and (etag := _own_version(self._ports, self.lock.id)) is None:
                self.is_lost = True
            else:
                self.lock, self.etag = renewed, etag

    def _live(self) -> None:
        while not self._stopped.wait(HEARTBEAT_SECONDS):
            # The network may be back at the next; an apply asks for itself (`require_held`).
            with contextlib.suppress(OpsctlError):
                self.beat()
            if self.is_lost and not self._stopped.is_set():
                self._ports.on_event(Notice("Somebody took the lock from this command: stopping in order."))
                self._on_lost()
                return


_held: dict[tuple[Path, int], Heartbeat] = {}
"""Locks that this process holds, by work folder and thread: within it a command may begin another one."""


def interrupt_ourselves() -> None:
    """What stops a command in order wherever it is, as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


@contextlib.contextmanager
def locked(
    ports: Ports,
    command: str,
    intent: Intent,
    *,
    on_lost: Callable[[], None] = interrupt_ourselves,
    draw: Callable[[float, float], float] = random.uniform,
) -> Iterator[None]:
    """Hold the environment's lock. A lock of which it is certain that its holder is gone is taken over.

    Where there is no state bucket yet there is nothing to lock but the work folder.

    Args:
        on_lost: called from another thread when the lock was taken from us; it is to end the block soon.
        draw: a number between two, for the pauses while waiting.

    Raises:
        EnvironmentLocked, LockHeld: somebody else has it, also after `intent.lock_wait_seconds`.
        LockLost: it was taken from us, and the block was ended for it.
    """
    place = (ports.environment.work.resolve(), threading.get_ident())
    if place in _held:
        yield
        return
    waiting = _Waiting(ports, intent.lock_wait_seconds, draw)
    with contextlib.ExitStack() as stack:
        stack.enter_context(ending_as_interrupts())
        heartbeat = waiting.until(lambda: _enter(ports, command, intent, on_lost, stack))
        if heartbeat is None:
            yield
            return
        _held[place] = heartbeat
        try:
            heartbeat.start()
            waiting.until(lambda: _require_free_state(ports))
            yield
        except BaseException as error:
            if heartbeat.is_lost and isinstance(error, Interrupted | KeyboardInterrupt):
                raise LockLost(ports.environment.name, _look_if_possible(ports)) from error
            raise
        finally:
            del _held[place]
            heartbeat.stop()
            release(ports, heartbeat)


def require_held(ports: Ports) -> None:
    """Make sure, just before something is changed, that the lock is still ours. Nothing to do outside of `locked`.

    Raises:
        LockLost: it isn't. Nothing was changed.
        AwsError: the bucket can't be reached, so nobody knows.
    """
    heartbeat = _held.get((ports.environment.work.resolve(), threading.get_ident()))
    if heartbeat:
        heartbeat.beat()
        if heartbeat.is_lost:
            raise LockLost(ports.environment.name, _look_if_possible(ports))


@contextlib.contextmanager
def ending_as_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP would end us without releasing anything: take them as Ctrl-C. The runner's own handling comes
    before this while Terraform runs; what our caller ignores (nohup) stays ignored."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if main and signal.getsignal(n) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _enter(
    ports: Ports, command: str, intent: Intent, on_lost: Callable[[], None], stack: contextlib.ExitStack
) -> Heartbeat | None:
    """One try for both locks; what was entered is left again if it fails."""
    with contextlib.ExitStack() as attempt:
        try:
            attempt.enter_context(exclusive(ports.environment.work / LOCK, command=command, clock=ports.clock))
        except LockHeld as held:
            raise EnvironmentLocked.by(held, _look_if_possible(ports)) from None
        heartbeat = _take(ports, new_lock(ports, command, intent), on_lost)
        stack.push(attempt.pop_all())
        return heartbeat


def _take(ports: Ports, mine: Lock, on_lost: Callable[[], None]) -> Heartbeat | None:
    place, body = key(mine.environment), mine.to_json().encode()
    while True:
        try:
            etag = ports.bucket.replace(place, body, None)
        except NotFound:
            return None
        if etag is None:
            etag = _own_version(ports, mine.id)
        if etag is None and (situation := look(ports)) and situation.found:
            if not (situation.own and situation.own.may_succeed):
                raise EnvironmentLocked(situation)
            etag = ports.bucket.replace(place, body, situation.found.etag)
            if etag:
                _took_over(ports, situation)
        if etag:
            return Heartbeat(ports, mine, etag, on_lost)


def _took_over(ports: Ports, situation: Situation) -> None:
    lock, own = situation.lock, situation.own
    assert lock is not None
    assert own is not None
    begun = f"{moment(lock.since):%H:%M} UTC"
    ports.on_event(Notice(f"Took over the lock of {lock.user}'s opsctl {lock.command} of {begun}: {own.why}."))
    if own.life is Life.ORPHANED and situation.state_lock and situation.state_lock.is_of(lock):
        release_state(ports, situation)
    record_abandoned(ports, lock)


def record_abandoned(ports: Ports, lock: Lock) -> None:
    """Leave the record that a command which died could not leave, with what is known of its Terraform."""
    left = left_behind(Path(lock.work)) if this_process().sees(lock.process) else None
    outcome = "unknown"
    if left and left.still_runs:
        outcome = f"its terraform {left.command} was still at work (process {left.pid}); the next command followed it"
    elif left:
        of = left.outcome
        counts = f"{of.added} added, {of.changed} changed, {of.destroyed} destroyed"
        outcome = f"its terraform {left.command} went on without it: {of.result}; {counts}"
    records.record_abandoned(
        ports, command=lock.command, who=lock.who, host=lock.process.host, pid=lock.process.pid, since=lock.since,
        why=lock.why, outcome=outcome,
    )  # fmt: skip


def _require_free_state(ports: Ports) -> None:
    """That Terraform's lock is not in the way. One read.

    A lock of a Terraform in our own work folder is not: the runner follows what is still at work there, and releases
    what a dead one left.

    Raises:
        EnvironmentLocked: another Terraform holds the state, such as a plan on another machine.
    """
    found = ports.bucket.find(state_key(ports))
    if found is None or find_lost_cloud(ports):  # what a lost cloud left is archived with its state
        return
    verdicts: list[Verdict] = []
    lock = _parsed(found, StateLock.from_json, verdicts)
    if lock:
        verdicts.append(judge_state_lock(lock, this_process(), user(), _run(ports.environment.work)))
    [verdict] = verdicts
    if verdict.life is Life.UNKNOWN:
        name, held = ports.environment.name, found.age_seconds
        raise EnvironmentLocked(Situation(name, verdict, state_lock=lock, held_seconds=held, state_found=found))


def release_state(ports: Ports, situation: Situation) -> None:
    """Remove Terraform's lock, if there was one, in the version that was judged: as its S3 backend does after it
    compared the id, and without a work folder."""
    if situation.state_found:
        ports.bucket.remove(state_key(ports), etag=situation.state_found.etag)


def release(ports: Ports, heartbeat: Heartbeat) -> None:
    """Remove our lock, and nobody else's. A failure is said and hides nothing."""
    name = ports.environment.name
    try:
        if heartbeat.is_lost or ports.bucket.remove(key(name), etag=heartbeat.etag):
            return
        # The last sign of life may have arrived without its answer.
        if etag := _own_version(ports, heartbeat.lock.id):
            ports.bucket.remove(key(name), etag=etag)
    except OpsctlError as error:
        ports.on_event(
            Notice(f"The lock of {name} could not be released ({error.what}). The next command here takes it over; "
                   f"elsewhere: opsctl unlock {name}")
        )  # fmt: skip


def _own_version(ports: Ports, id: str) -> str | None:
    """The ETag of the lock, if it is the one with this id: a write whose answer was lost meets itself."""
    found = ports.bucket.find(key(ports.environment.name))
    lock = _parsed(found, Lock.from_json, [])
    return found.etag if found and lock and lock.id == id else None


def new_lock(ports: Ports, command: str, intent: Intent) -> Lock:
    now = _now(ports)
    return Lock(
        id=uuid.uuid4().hex, environment=ports.environment.name, command=command, who=ports.identity.arn, user=user(),
        process=this_process(), work=str(ports.environment.work.resolve()), since=now, seen=now, why=intent.why,
        url=records.run_url(os.environ),
    )  # fmt: skip


def _now(ports: Ports) -> str:
    return ports.clock.now().isoformat(timespec="milliseconds")


def _look_if_possible(ports: Ports) -> Situation | None:
    """For an error's words."""
    try:
        return look(ports)
    except OpsctlError:
        return None


@dataclass
class _Waiting:
    """Somebody else's lock, waited for once in all: the seconds count from the first try."""

    ports: Ports
    seconds: float
    draw: Callable[[float, float], float]

    def __post_init__(self) -> None:
        self._begin = self.ports.clock.monotonic()
        self._said: float | None = None

    def until(self, attempt: Callable[[], Answer]) -> Answer:
        """Try until it succeeds, or the time is over.

        Raises:
            Locked: of the last try.
        """
        clock = self.ports.clock
        while True:
            try:
                return attempt()
            except Locked as error:
                waited = clock.monotonic() - self._begin
                if waited >= self.seconds:
                    raise
                self._say(error, waited)
                clock.sleep(min(self.seconds - waited, self.draw(*POLL_SECONDS[self.ports.environment.is_local])))

    def _say(self, error: Locked, waited: float) -> None:
        if self._said is None:
            self.ports.on_event(Notice(f"{error.what} Waiting up to {age(self.seconds)} for it to end."))
        elif waited - self._said >= SAY_SECONDS:
            self.ports.on_event(Notice(f"Still waiting, for {age(waited)} now."))
        else:
            return
        self._said = waited
