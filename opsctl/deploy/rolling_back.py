"""Have an earlier version run again: of a deploy at work, of one that was killed, or of one that is long over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opsctl.deploy.deploying import (
    ALL_AT_ONCE,
    DEPLOY,
    DONE,
    ROLLBACK,
    Approver,
    Deployed,
    DeployReturned,
    NothingInFlight,
    begin,
    outputs_of,
    require_agreed,
    resume,
)
from opsctl.deploy.movers import mover_of
from opsctl.environments.events import Notice
from opsctl.environments.in_flight import InFlight, InFlightStore, Move, short
from opsctl.environments.intent import UNSAID, Intent
from opsctl.environments.locks.lock import Life
from opsctl.environments.locks.locking import look
from opsctl.environments.ports import Ports
from opsctl.errors import UsageError
from opsctl.journal import Entry, Record

ALONE = ("service", "site")
"""Kinds of which an environment has one thing, called by its kind."""
LOOK_SECONDS = {True: 0.2, False: 2.0}
"""Between two looks at a deploy that was asked to go back."""


class NothingBefore(UsageError):
    """No earlier version is known, or the one that was named runs already."""


def roll_back(
    ports: Ports, things: Sequence[str] = (), *, to: str = "", approve: Approver = lambda _: True,
    intent: Intent = UNSAID,
) -> Deployed:  # fmt: skip
    """Have what ran before run again, or the version `to`.

    A deploy of these things that is at work is asked to take itself back, and answers at its next poll; one whose
    process was killed is taken back here; otherwise the version comes from the journal.

    Args:
        things: "service", "site" or short names of functions; none: what was deployed last, or is being deployed.
        to: a version; empty: the one before the last deploy.

    Raises:
        NothingBefore, NotUp, UsageError, Refused: nothing was changed.
        DeployReturned: the way back was taken back itself: what ran goes on running.
        HalfDone: likewise, and that failed, too.
    """
    kind, names = named(ports, things)
    if not to and (returned := _take_back(ports, kind, names, approve, intent)):
        return returned
    mover, outputs = mover_of(kind), outputs_of(ports)
    moves = []
    for name in names:
        now = mover.current(ports, outputs, name)
        target = to or before(ports, kind, name, now)
        if target == now:
            raise NothingBefore(f"{name} runs version {short(now)} already.", where=ports.environment.name)
        mover.require_version(ports, outputs, name, target, intent)
        moves.append(Move(kind, name, now, target))
    require_agreed(approve, tuple(moves))
    return begin(ports, mover, tuple(moves), command=ROLLBACK, strategy=ALL_AT_ONCE, intent=intent)


def named(ports: Ports, things: Sequence[str]) -> tuple[str, list[str]]:
    """Kind and names of what a person means.

    Raises:
        UsageError: things of two kinds; or none, and nothing was deployed yet.
    """
    kinds = {thing if thing in ALONE else "function" for thing in things}
    if len(kinds) > 1:
        raise UsageError(f"One kind of thing at a time: {', '.join(things)} are of {len(kinds)}.")
    if things:
        return kinds.pop(), list(things)
    if deploy := InFlightStore(ports.bucket, ports.environment.name).read():
        return deploy.kind, [move.name for move in deploy.moves]
    for entry in deploys(ports):
        if is_done(entry) and entry.command == DEPLOY:
            return entry.details["kind"], [move["name"] for move in moves_of(entry)]
    raise NothingBefore("Nothing was deployed yet that could be rolled back.", where=ports.environment.name)


def before(ports: Ports, kind: str, name: str, now: str) -> str:
    """The version that ran before `now` was deployed, as the journal has it. Reads from the last record back.

    Raises:
        NothingBefore: no deploy of it is recorded.
    """
    for entry in deploys(ports):
        # What a rollback left is what ran before: to go back once more means the version before that.
        for move in moves_of(entry) if entry.command == DEPLOY and is_done(entry) else ():
            if (move.get("kind"), move.get("name"), move.get("after")) == (kind, name, now):
                return str(move["before"])
    raise NothingBefore(
        f"No deploy is recorded that brought {name} to version {short(now)}, so nothing is known to go back to.",
        where=ports.environment.name, next="Name the version: --to VERSION.",
    )  # fmt: skip


def deploys(ports: Ports) -> Iterator[Entry]:
    """Deploys and rollbacks that are recorded, the last first; reads no further back than somebody asks."""
    for record in ports.journal.newest():
        if isinstance(record, Record) and moves_of(record.entry):
            yield record.entry


def moves_of(entry: Entry) -> list[Mapping[str, Any]]:
    """What a record says was moved; what it says in another way is passed over."""
    return [move for move in entry.details.get("moves") or () if isinstance(move, Mapping)]


def is_done(entry: Entry) -> bool:
    """Whether a recorded deploy moved what it was to move."""
    return entry.details.get("outcome") == DONE


def _take_back(ports: Ports, kind: str, names: Sequence[str], approve: Approver, intent: Intent) -> Deployed | None:
    """Take back a deploy of these things that is in flight; None when there is none, or it was over before it heard."""
    store, begun = InFlightStore(ports.bucket, ports.environment.name), ports.clock.monotonic()
    deploy = store.read()
    if deploy is None or deploy.command == ROLLBACK or not _concerns(deploy, kind, names):
        return None
    back = tuple(Move(move.kind, move.name, move.after or move.before, move.before) for move in deploy.moves)
    require_agreed(approve, back)
    if _is_at_work(ports):
        store.wish_return(deploy.id, intent.why or f"{ports.identity.arn} asked for it")
        ports.on_event(Notice(f"Asked the {deploy.command} of {deploy.user} to take itself back."))
        while _is_at_work(ports) and _is_in_flight(store, deploy):
            ports.clock.sleep(LOOK_SECONDS[ports.environment.is_local])
    if _is_in_flight(store, deploy):
        with contextlib.suppress(DeployReturned, NothingInFlight):
            resume(ports, back=True, intent=replace(intent, lock_wait_seconds=max(30, intent.lock_wait_seconds)))
    mover, outputs = mover_of(kind), outputs_of(ports)
    if any(mover.current(ports, outputs, move.name) != move.before for move in deploy.moves):
        return None
    seconds = ports.clock.monotonic() - begun
    return Deployed(deploy.environment, ROLLBACK, kind, deploy.strategy, DONE, back, deploy.decisions, seconds)


def _is_at_work(ports: Ports) -> bool:
    """Whether a command may be alive that holds the environment."""
    situation = look(ports)
    return situation is not None and situation.verdict.life is Life.LIVE


def _is_in_flight(store: InFlightStore, deploy: InFlight) -> bool:
    found = store.read()
    return found is not None and found.id == deploy.id


def _concerns(deploy: InFlight, kind: str, names: Sequence[str]) -> bool:
    return deploy.kind == kind and bool({move.name for move in deploy.moves} & set(names))


def versions_of(entries: Iterable[Entry], kind: str, name: str) -> Mapping[str, Any]:
    """Versions that a thing ran, as its deploys tell: version → when it was deployed last."""
    return {
        str(move["after"]): entry.at
        for entry in reversed(list(entries))
        if is_done(entry)
        for move in moves_of(entry)
        if (move.get("kind"), move.get("name")) == (kind, name)
    }
