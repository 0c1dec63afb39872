"""Several commands on one environment, one step at a time: a scheduler says who moves next.

Each command runs the product's own code in a thread. The thread stops before every call to the outside (bucket,
Terraform, sleep, the question to a person) and goes on when the scheduler gives it the baton, so that a schedule is a
value: it can be drawn, repeated and shrunk. A command can be killed where it stands: from then on nothing that it
does reaches the outside, as after SIGKILL (its `finally` blocks run, and only close its own files, as the kernel
would). Its Terraform goes on, as the runner's does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from opsctl.aws import Access
from opsctl.aws.clients import Identity
from opsctl.environments import records
from opsctl.environments.down import down
from opsctl.environments.environment import Environment, Target
from opsctl.environments.intent import Intent
from opsctl.environments.locks import locking
from opsctl.environments.locks.lock import Process
from opsctl.environments.ports import Ports
from opsctl.environments.state_bucket import StateBucket
from opsctl.environments.up import plan_up, up
from opsctl.errors import Locked
from opsctl.journal import Journal
from opsctl.terraform.failures import PlanStale, StateLocked
from opsctl.terraform.plan import Action, Binding, Change, Plan
from tests.unit.environments.conftest import FrozenClock, MemoryAws

RESOURCES = ("terraform_data.first", "terraform_data.second")
"""What the stack is made of."""


FIRST_PID = 5_000_000
"""Larger than any that the kernel gives (PID_MAX_LIMIT, 2²² on 64 bits): no signal to it can meet a real process."""


class Killed(BaseException):
    """What a command that is dead meets instead of the outside."""


@dataclass
class Actor:
    """One process: a command, or the Terraform that a command started."""

    name: str
    work: Callable[[], Any]
    pid: int
    host: str
    parent: Actor | None = None
    steps: int = 0
    dead: bool = False
    ended: bool = False
    waits_for: Actor | None = None
    result: Any = None
    error: BaseException | None = None
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def can_move(self) -> bool:
        return not self.ended and (self.waits_for is None or self.waits_for.ended)


class Scheduler:
    """Gives the baton to one actor at a time."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self._back = threading.Semaphore(0)
        self._of_thread = threading.local()

    @property
    def current(self) -> Actor | None:
        """The actor whose thread this is; None outside of a schedule (what a test does before and after)."""
        return getattr(self._of_thread, "actor", None)

    def add(self, name: str, work: Callable[[], Any], host: str = "here", parent: Actor | None = None) -> Actor:
        actor = Actor(name, work, FIRST_PID + len(self.actors), host, parent)
        self.actors.append(actor)
        threading.Thread(target=self._live, args=(actor,), name=name, daemon=True).start()
        return actor

    def step(self) -> None:
        """Called by an actor before it touches the outside: wait for the baton."""
        actor = self.current
        if actor is None:
            return
        if actor.dead:
            raise Killed
        self._back.release()
        actor.baton.acquire()
        if actor.dead:
            raise Killed

    def child(self, name: str, work: Callable[[], Any]) -> Any:
        """Start a process from the current actor and wait for its end. It outlives a parent that is killed."""
        actor = self.current
        if actor is None:
            return work()
        ended = self.add(name, work, actor.host, parent=actor)
        self.wait_for(ended)
        if ended.error:
            raise ended.error
        return ended.result

    def wait_for(self, other: Actor) -> None:
        """Go on when another process has ended."""
        if actor := self.current:
            actor.waits_for = other
            self.step()
            actor.waits_for = None

    def is_alive(self, pid: int) -> bool:
        return any(actor.pid == pid and not (actor.ended or actor.dead) for actor in self.actors)

    def move(self, actor: Actor) -> None:
        """Let an actor go on to its next step, or to its end."""
        actor.steps += 1
        if actor.parent and not actor.parent.dead:
            actor.parent.steps += 1
        actor.baton.release()
        self._back.acquire()

    def kill(self, actor: Actor) -> None:
        if not actor.ended:
            actor.dead = True
            actor.baton.release()
            self._back.acquire()

    def run(self, turns: Sequence[tuple[int, int]], kills: Mapping[int, int], commands: Sequence[Actor] = ()) -> None:
        """Play a schedule until all have ended.

        Args:
            turns: (command, steps): who moves next and how far. After the last one, the first that can moves.
            kills: command → the step at which it is killed.
        """
        for actor, steps in [*((commands[index % len(commands)], steps) for index, steps in turns), (None, 10**6)]:
            for _ in range(steps):
                moving = self._who(actor)
                if moving is None:
                    break
                self.move(moving)
                for index, at in kills.items():
                    if commands[index % len(commands)].steps >= at:
                        self.kill(commands[index % len(commands)])

    def _who(self, wanted: Actor | None) -> Actor | None:
        """The wanted actor or the process that it waits for; without a wish, the first that can move."""
        if wanted is None:
            return next(filter(None, map(self._who, self.actors)), None)
        while wanted.waits_for and not wanted.waits_for.ended:
            wanted = wanted.waits_for
        return wanted if wanted.can_move else None

    def _live(self, actor: Actor) -> None:
        self._of_thread.actor = actor
        actor.baton.acquire()
        try:
            if not actor.dead:
                actor.result = actor.work()
        except BaseException as error:
            actor.error = error
        actor.ended = True
        self._back.release()


@dataclass
class World:
    """What all commands share: the bucket, the cloud's resources, the time, and what was seen.

    Attributes:
        state_lock, serial_check: what Terraform does for its safety; a test takes them away to see itself fail.
        applied: (plan's hash, serial that it wrote) of every apply that began.
        violations: what must never happen, in the order of its happening.
    """

    folder: Path
    scheduler: Scheduler = field(default_factory=Scheduler)
    cloud: set[str] = field(default_factory=set)
    clock: FrozenClock = field(default_factory=FrozenClock)
    objects: MemoryAws = field(default_factory=MemoryAws)
    state_lock: bool = True
    serial_check: bool = True
    plans: int = 0
    applied: list[tuple[str, int]] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    runs: dict[Path, Actor] = field(default_factory=dict)

    def ports(self, who: str, host: str = "here") -> Ports:
        """An opsctl of `who`; commands with the same `host` share a work folder."""
        terraform = self.folder / "terraform"
        environment = Environment(
            name="local", target=Target.LOCAL, project="shop", account_id="111122223333", region="eu-central-1",
            profile=None, stack=terraform / "stack", variables_file=terraform / "local.tfvars",
            backend_file=terraform / "local.s3.tfbackend", work=self.folder / host / "local",
        )  # fmt: skip
        if not environment.work.is_dir():
            environment.work.mkdir(parents=True)
        aws: Any = SteppingAws(self)
        bucket = StateBucket(environment, aws)
        return Ports(
            environment=environment, access=Access("eu-central-1", "111122223333", "http://127.0.0.1:1"), aws=aws,
            identity=Identity("111122223333", f"arn:aws:iam::111122223333:user/{who}", who), bucket=bucket,
            journal=Journal(bucket, "local"), terraform=lambda: LockingTerraform(self, environment, who),  # type: ignore[arg-type,return-value]
            on_event=lambda event: None, incarnation="first", clock=SteppingClock(self),
        )  # fmt: skip

    def prepare(self) -> None:
        """The files that an environment needs, and its bucket."""
        stack = self.folder / "terraform" / "stack"
        stack.mkdir(parents=True, exist_ok=True)
        (stack.parent / "modules").mkdir(exist_ok=True)
        for file in (stack / "main.tf", stack.parent / "local.tfvars", stack.parent / "local.s3.tfbackend"):
            file.write_text("")
        self.objects.clock = self.clock
        self.objects.create_bucket(Bucket="shop-state-111122223333-eu-central-1")

    def begin(self, who: str, host: str, command: str, lock_wait_seconds: float = 0) -> Actor:
        """A process that runs a command; it moves when the scheduler lets it."""
        work = partial(run, self.ports(who, host), command, self, lock_wait_seconds)
        return self.scheduler.add(who, work, host)

    def agree(self, plan: Plan) -> bool:
        """A person who looks at a plan for a while and says yes."""
        self.scheduler.step()
        return True

    @property
    def state(self) -> dict[str, Any]:
        body = self.objects.buckets["shop-state-111122223333-eu-central-1"].get("local/terraform.tfstate")
        return json.loads(body) if body else {"serial": 0, "resources": []}


class SteppingAws(MemoryAws):
    """The shared bucket as one command sees it: every call is a step."""

    def __init__(self, world: World) -> None:
        self.__dict__ = world.objects.__dict__ | {"world": world}

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> Any:
        self.world.scheduler.step()
        return super().call(service, operation, region=region, **parameters)

    def pages(self, service: str, operation: str, key: str, *, region: str | None = None, **parameters: Any) -> Any:
        self.world.scheduler.step()
        return iter(list(super().pages(service, operation, key, region=region, **parameters)))


class SteppingClock:
    """The shared time. It goes on when somebody sleeps, which is a step."""

    def __init__(self, world: World) -> None:
        self.world = world

    def now(self) -> datetime:
        return self.world.clock.now() + timedelta(seconds=self.world.clock.seconds)

    def monotonic(self) -> float:
        return self.world.clock.seconds

    def sleep(self, seconds: float) -> None:
        self.world.scheduler.step()
        self.world.clock.sleep(seconds)


class LockingTerraform:
    """What Terraform does with lock and state, without Terraform.

    It takes the state's lock by creating `<key>.tflock` where none is (conditional write, as the S3 backend's
    use_lockfile), refuses a plan whose state moved on, writes state with the next serial, and applies resource by
    resource. As our runner's: an apply goes on when its opsctl is killed, and the next command in the same work
    folder follows it to its end first.
    """

    binary = SimpleNamespace(version="1.11.4")
    provider = SimpleNamespace(version="5.100.0")

    def __init__(self, world: World, environment: Environment, who: str) -> None:
        self.world, self.environment, self.who = world, environment, who
        self.work, self.stack = environment.work, environment.stack
        self.bucket = StateBucket(environment, SteppingAws(world))  # type: ignore[arg-type]

    def init(self, **settings: Any) -> bool:
        self._follow_a_left_run()
        self.world.scheduler.step()
        return True

    def plan(self, *, out: Path, destroy: bool = False, **rest: Any) -> Plan:
        self._follow_a_left_run()
        return self._run(lambda: self._plan(out, destroy))

    def _plan(self, out: Path, destroy: bool) -> Plan:
        with self._state_lock("plan"):
            state = self._read()
            there = {f"{one['type']}.{one['name']}" for one in state["resources"]}
            self.world.scheduler.step()
            changes = sorted(there) if destroy else [name for name in RESOURCES if name not in there]
            self.world.plans += 1
            lineage, serial = state.get("lineage", ""), state["serial"]
            text = json.dumps({"number": self.world.plans, "serial": serial, "destroy": destroy, "changes": changes})
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text)
        action = Action.DELETE if destroy else Action.CREATE
        binding = Binding(
            environment="local", stack=self.stack, work=self.work, configuration_sha256="c" * 64,
            terraform_version="1.11.4", provider_version="5.100.0", state_lineage=lineage, state_serial=serial,
            destroy=destroy,
        )  # fmt: skip
        return Plan(
            file=out, sha256=hashlib.sha256(text.encode()).hexdigest(), binding=binding, terraform_version="1.11.4",
            changes=tuple(
                Change(name, "", "terraform_data", name.partition(".")[2], "terraform", action) for name in changes
            ),
        )  # fmt: skip

    def apply(self, plan: Plan, **rest: Any) -> None:
        self._follow_a_left_run()
        if hashlib.sha256(plan.file.read_bytes()).hexdigest() != plan.sha256:
            raise PlanStale("The plan's file is not the one that was shown. Nothing was applied.")
        self._run(lambda: self._apply(plan))

    def _run(self, work: Callable[[], Any]) -> Any:
        def noted() -> Any:
            if child := self.world.scheduler.current:
                self.world.runs[self.work] = child
            return work()

        return self.world.scheduler.child(f"terraform of {self.who}", noted)

    def _apply(self, plan: Plan) -> None:
        with self._state_lock("apply"):
            state = self._read()
            if self.world.serial_check and state["serial"] != plan.binding.state_serial:
                raise PlanStale("The plan is out of date: the state has changed since it was made.")
            self._begin(plan, state["serial"])
            try:
                for change in plan.changes:
                    self.world.scheduler.step()
                    self._change(change.address, destroy=plan.binding.destroy)
                    self.world.scheduler.step()
                self._write(state, plan)
            finally:
                self.world.under_way.remove(plan.sha256)

    def _begin(self, plan: Plan, serial: int) -> None:
        world = self.world
        if world.under_way:
            world.violations.append("two applies at the same time")
        if any(sha == plan.sha256 for sha, _ in world.applied):
            world.violations.append("a plan was applied twice")
        if serial != plan.binding.state_serial:
            world.violations.append("a stale plan was applied")
        world.under_way.append(plan.sha256)
        world.applied.append((plan.sha256, serial + 1))

    def _change(self, name: str, *, destroy: bool) -> None:
        if (name in self.world.cloud) is not destroy:
            self.world.violations.append(f"{name} was {'destroyed' if destroy else 'made'} twice")
        (self.world.cloud.discard if destroy else self.world.cloud.add)(name)

    def _write(self, state: Mapping[str, Any], plan: Plan) -> None:
        names = [] if plan.binding.destroy else list(RESOURCES)
        resources = [
            {"mode": "managed", "type": kind, "name": name, "instances": [{"attributes": {"id": name}}]}
            for kind, _, name in (one.partition(".") for one in names)
        ]
        document = {
            "version": 4, "serial": state["serial"] + 1, "lineage": "l", "terraform_version": "1.11.4",
            "outputs": {}, "resources": resources,
        }  # fmt: skip
        self.bucket.write(self.environment.state_key, json.dumps(document).encode())

    def _read(self) -> dict[str, Any]:
        body = self.bucket.read(self.environment.state_key)
        return json.loads(body) if body else {"serial": 0, "resources": []}

    @contextlib.contextmanager
    def _state_lock(self, operation: str) -> Iterator[None]:
        if not self.world.state_lock:
            yield
            return
        key = f"{self.environment.state_key}.tflock"
        note = {"ID": f"{self.who}-{operation}", "Who": f"{self.who}@{self.work.parent.name}", "Operation": operation,
                "Created": f"{self.world.clock.now():%Y-%m-%d %H:%M:%S}"}  # fmt: skip
        if not self.bucket.create(key, json.dumps(note).encode()):
            raise StateLocked(note["ID"], "somebody", operation, note["Created"])
        try:
            yield
        finally:
            self.bucket.remove(key)

    def _follow_a_left_run(self) -> None:
        run = self.world.runs.get(self.work)
        if run and not run.ended:
            self.world.scheduler.wait_for(run)


@dataclass(frozen=True)
class Story:
    """What is played.

    Attributes:
        commands: up, down or plan, of ada and of bob.
        hosts: where each runs; the same host means the same work folder.
        was_up: whether the environment was up before.
        lock_wait_seconds: what both said with --lock-wait.
        turns: (command, steps): who moves and how far; after the last turn each goes on to its end.
        kills: (command, step) at which it is killed, as by SIGKILL.
    """

    commands: tuple[str, ...]
    hosts: tuple[str, ...] = ("here", "here")
    was_up: bool = False
    lock_wait_seconds: float = 0
    turns: tuple[tuple[int, int], ...] = ()
    kills: tuple[tuple[int, int], ...] = ()


PEOPLE = ("ada", "bob")


def play(
    story: Story,
    sabotage: Callable[[World], None] = lambda world: None,
    counts: dict[str, int] | None = None,
) -> list[str]:
    """Play a story on a fresh environment and say what went wrong, in people's words; [] when nothing did.

    Args:
        sabotage: takes a protection away, to see that its lack is found.
        counts: what happened is added here: "applies", and commands "refused" because of a lock.
    """
    with tempfile.TemporaryDirectory(prefix="opsctl-story-") as folder:
        world = World(Path(folder))
        world.prepare()
        with processes_of(world):
            if story.was_up:
                world.begin("carol", "here", "up")
                world.scheduler.run((), {})
            sabotage(world)
            actors = [
                world.begin(name, host, command, story.lock_wait_seconds)
                for name, host, command in zip(PEOPLE, story.hosts, story.commands, strict=True)
            ]
            world.scheduler.run(story.turns, dict(story.kills), actors)
            wrong = [*world.violations, *outcomes(actors), *aftermath(world, actors)]
    if counts is not None:
        refused = sum(isinstance(actor.error, Locked) for actor in actors)
        for name, number in (("applies", len(world.applied)), ("refused", refused)):
            counts[name] = counts.get(name, 0) + number
    return wrong


@contextlib.contextmanager
def processes_of(world: World) -> Iterator[None]:
    """Let each actor be a process of its own: its number, its host, whether it lives. There is no git: two processes
    for each record would be most of the time."""
    here, scheduler = socket.gethostname(), world.scheduler
    getpid = os.getpid

    def host() -> str:
        return scheduler.current.host if scheduler.current else here

    def pid() -> int:
        return scheduler.current.pid if scheduler.current else getpid()

    def this_process() -> Process:
        return Process(host(), pid(), 1, f"boot of {host()}", "namespace", f"machine {host()}")

    with (
        mock.patch.object(subprocess, "run", side_effect=FileNotFoundError("git")),
        mock.patch.object(socket, "gethostname", host),
        mock.patch.object(os, "getpid", pid),
        mock.patch.object(os, "fsync"),
        mock.patch.object(locking, "this_process", this_process),
        mock.patch.object(locking, "is_alive", lambda process: scheduler.is_alive(process.pid)),
        mock.patch.object(records, "is_alive", scheduler.is_alive),
    ):
        yield


def run(ports: Ports, command: str, world: World, lock_wait_seconds: float) -> None:
    """One command of the product."""
    intent = Intent(why="a story", lock_wait_seconds=lock_wait_seconds)
    if command == "plan":
        plan_up(ports, afresh=world.agree)
    else:
        {"up": up, "down": down}[command](ports, approve=world.agree, afresh=world.agree, intent=intent)


def outcomes(actors: Sequence[Actor]) -> Iterator[str]:
    """A command is done, is told that it is locked out (exit 6), or was killed; anything else went wrong."""
    for actor in actors:
        if not actor.ended:
            yield f"{actor.name} never ended"
        elif actor.error and not isinstance(actor.error, Locked | Killed):
            yield f"{actor.name} met {type(actor.error).__name__}: {actor.error}"


def aftermath(world: World, actors: Sequence[Actor]) -> Iterator[str]:
    """What has to hold when all is over, also after one more `up` by somebody else."""
    if world.state["serial"] != len(world.applied):
        yield f"{len(world.applied)} applies and serial {world.state['serial']}"
    if ports_locked(world):
        yield "Terraform's lock on the state is left"
    host = next((actor.host for actor in actors if actor.dead), "here")
    carol = world.begin("carol", host, "up")
    world.scheduler.run((), {})
    if carol.error:
        yield f"the next up met {type(carol.error).__name__}: {carol.error}"
    yield from world.violations
    if world.cloud != set(RESOURCES):
        yield f"the cloud has {sorted(world.cloud)} after the next up"
    yield from recorded_once(world)


def ports_locked(world: World) -> bool:
    ports = world.ports("nobody")
    return ports.bucket.read(f"{ports.environment.state_key}.tflock") is not None


def recorded_once(world: World) -> Iterator[str]:
    """Each apply has one record, and the chain holds."""
    journal = world.ports("nobody").journal
    yield from (f"journal: {finding}" for finding in journal.verify(world.clock.now().isoformat()).findings)
    told = [record.entry.details.get("plan_sha256") for record in journal.records()]
    for sha, serial in world.applied:
        if told.count(sha) != 1:
            yield f"{told.count(sha)} records of the apply that wrote serial {serial}"
