"""The frame of every deploy: lock, guards, record, the deploy in flight, its end. What moves, and how, is a `Mover`'s.

guards → lock → nothing half done → journal begins → in flight → mover.forward (or mover.back) → record → cleared
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from opsctl.aws.errors import AwsError
from opsctl.deploy.events import Decided, DeployBegun, DeployEnded, DeployEvent, ReturnBegun, StepBegun
from opsctl.environments.guards import checking as guards
from opsctl.environments.in_flight import Decision, InFlight, InFlightStore, Move, require_none_in_flight, short
from opsctl.environments.intent import UNSAID, Intent
from opsctl.environments.locks.locking import LockLost, locked, require_held
from opsctl.environments.ports import Ports
from opsctl.environments.records import recorded
from opsctl.errors import Interrupted, OpsctlError, Refused, UsageError
from opsctl.terraform.lock import user

POLL_SECONDS = {True: 0.5, False: 10.0}
"""Between two looks at a step, for a local environment and for one on AWS."""
DONE, RETURNED, HALF_DONE = "done", "returned", "half-done"
DEPLOY, ROLLBACK = "deploy", "rollback"
ALL_AT_ONCE = "all-at-once"
KEPT_DECISIONS = 18
"""In the journal, whose records hold 16 kB (`journal.bounds`)."""
MOST_MOVES = 20
"""In one deploy: its record has to name them all."""


Approver = Callable[[tuple[Move, ...]], bool]
"""Asked with what moves, before anything is changed."""


class NotAgreed(Refused):
    """A person looked at what would move and said no."""

    def __init__(self) -> None:
        super().__init__("It was not agreed to; nothing was changed.")


def require_agreed(approve: Approver, moves: tuple[Move, ...]) -> None:
    """Raises:
    NotAgreed: `approve` said no.
    """
    if not approve(moves):
        raise NotAgreed


class NotUp(UsageError):
    """There is no environment to deploy to."""


class ReturnNeeded(Exception):
    """Raised inside of a mover's `forward`: everything goes back. The message is the reason, one sentence."""


class DeployReturned(OpsctlError):
    """A deploy was taken back, in order: what ran before runs again. `deployed` is what it did."""

    def __init__(self, deployed: Deployed) -> None:
        self.deployed = deployed
        back = ", ".join(f"{move.name} went back to {short(move.before)}" for move in deployed.moves)
        super().__init__(
            f"The {deployed.command} was taken back: {deployed.why}", where=f"{deployed.environment}: {back}",
            next=f"opsctl history {deployed.environment} --deploys has the evidence.",
        )  # fmt: skip


class HalfDone(OpsctlError):
    """A deploy could neither go on nor be taken back. `deployed` is what is in flight."""

    def __init__(self, deploy: InFlight, why: str) -> None:
        self.deployed = _deployed(deploy, HALF_DONE, 0.0)
        super().__init__(
            f"The {deploy.command} is half done, and taking it back failed: {why}",
            where=_place(deploy), next=_ways(deploy),
        )  # fmt: skip


class LeftInFlight(Interrupted):
    """A second Ctrl-C, on the way back. `deployed` is what is in flight."""

    def __init__(self, deploy: InFlight) -> None:
        self.deployed = _deployed(deploy, HALF_DONE, 0.0)
        super().__init__(
            f"Interrupted on the way back: the {deploy.command} is half done.",
            where=_place(deploy), next=_ways(deploy),
        )  # fmt: skip


def _place(deploy: InFlight) -> str:
    return f"{deploy.environment}: {', '.join(map(str, deploy.moves))}; at: {deploy.step}"


def _ways(deploy: InFlight) -> str:
    name = deploy.environment
    return f"opsctl deploy resume {name} --back takes it back; opsctl deploy resume {name} goes on where it is."


@dataclass(frozen=True)
class Deployed:
    """What a deploy did.

    Attributes:
        outcome: "done", "returned" or "half-done"; `why` says why it was returned.
        moves: with both versions.
    """

    environment: str
    command: str
    kind: str
    strategy: str
    outcome: str
    moves: tuple[Move, ...]
    decisions: tuple[Decision, ...]
    seconds: float
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """The schema of `deploy --json` and `rollback --json`."""
        return {
            "environment": self.environment, "command": self.command, "kind": self.kind, "strategy": self.strategy,
            "outcome": self.outcome, "why": self.why, "seconds": round(self.seconds, 1),
            "moves": [vars(move) for move in self.moves],
            "decisions": [vars(decision) | {"evidence": dict(decision.evidence)} for decision in self.decisions],
        }  # fmt: skip


class Mover(Protocol):
    """How one kind of thing moves. Both ways must be safe to begin anew from any step that was written down."""

    def current(self, ports: Ports, outputs: Mapping[str, Any], name: str) -> str:
        """The version that `name` runs now.

        Raises:
            UsageError: there is no such thing here.
        """
        ...

    def require_version(
        self, ports: Ports, outputs: Mapping[str, Any], name: str, version: str, intent: Intent
    ) -> None:
        """Make sure, before anything is changed, that `name` can run `version`, an earlier one.

        Raises:
            UsageError: there is no such version (any more); it names those that there are.
            Refused: it would not work with what is there now.
        """
        ...

    def forward(self, at_work: AtWork) -> None:
        """Make the moves, from `at_work.deploy.position` and `.step` on.

        Raises:
            ReturnNeeded: what was seen asks for the way back.
            OpsctlError: it can't go on; the way back is tried.
        """
        ...

    def back(self, at_work: AtWork) -> None:
        """Have what ran before run again, for every move that may have been begun, the last first."""
        ...


class AtWork:
    """A deploy in the hands of its mover: where it is, written down before each step.

    Attributes:
        ports: the environment's.
        outputs: the stack's outputs.
        deploy: as it was last written.
        poll_seconds: between two looks.
    """

    def __init__(self, ports: Ports, outputs: Mapping[str, Any], deploy: InFlight, store: InFlightStore) -> None:
        self.ports, self.outputs, self.deploy = ports, outputs, deploy
        self.poll_seconds = POLL_SECONDS[ports.environment.is_local]
        self._store = store

    @property
    def time_scale(self) -> float:
        """How much faster than on AWS a strategy's durations go by: 1 on AWS, opsctl.toml's `time_scale` locally."""
        return self.ports.environment.time_scale

    def tell(self, event: DeployEvent) -> None:
        self.ports.on_event(event)

    def step(
        self, step: str, *, position: int | None = None, after: str | None = None,
        weights: Mapping[str, float] | None = None, seconds: float = 0.0, **settings: Any,
    ) -> None:  # fmt: skip
        """Write down what is done next; call it before the doing.

        Args:
            position: of the move that is at work from now on.
            after: the version that it goes to, now that it is known.
            weights, seconds: for the view (`StepBegun`).
            settings: what changes of the kind's own.

        Raises:
            LockLost: somebody took the lock; nothing more may be changed.
            ReturnNeeded: somebody asked for the way back (not while we are on it).
        """
        require_held(self.ports)
        self.check_wish()
        position = self.deploy.position if position is None else position
        deploy = replace(
            self.deploy, step=step, position=position, reached=max(position, self.deploy.reached),
            settings=dict(self.deploy.settings) | settings,
        )  # fmt: skip
        if after is not None:
            deploy = deploy.with_move(deploy.position, after=after)
        self._store.write(deploy)
        self.deploy = deploy
        self.tell(StepBegun(deploy.move, step, weights or {}, seconds))

    def decide(self, verdict: str, why: str, evidence: Mapping[str, Any] | None = None) -> Decision:
        """Write a step's decision down with its evidence."""
        at = self.ports.clock.now().isoformat(timespec="seconds")
        decision = Decision(at, self.deploy.move.name, self.deploy.step, verdict, why, dict(evidence or {}))
        self.deploy = replace(self.deploy, decisions=(*self.deploy.decisions, decision))
        self._store.write(self.deploy)
        self.tell(Decided(decision))
        return decision

    def check_wish(self) -> None:
        """Raises:
        ReturnNeeded: somebody asked for the way back; on the way back nobody is asked.
        """
        if self.deploy.returning:
            return
        try:
            why = self._store.wished_return(self.deploy.id)
        except AwsError:  # it is asked again at the next look, and must not decide anything
            return
        if why:
            raise ReturnNeeded(why)

    def pause(self, seconds: float | None = None) -> None:
        """Wait until the next look (one poll unless said otherwise).

        Raises:
            ReturnNeeded: somebody asked for the way back.
        """
        self.check_wish()
        self.ports.clock.sleep(self.poll_seconds if seconds is None else seconds)
        self.check_wish()

    def return_because(self, why: str) -> None:
        """From here on everything goes back."""
        self.deploy = replace(self.deploy, returning=why)
        self._store.write(self.deploy)
        self.tell(ReturnBegun(self.deploy, why))


def begin(
    ports: Ports, mover: Mover, moves: tuple[Move, ...], *, command: str = DEPLOY, strategy: str,
    settings: Mapping[str, Any] | None = None, intent: Intent = UNSAID,
) -> Deployed:  # fmt: skip
    """Make these moves, or take them all back.

    Args:
        moves: all of one kind, in order; `before` is filled in, `after` where it is known.

    Raises:
        DeployReturned: it was taken back, in order; what ran before runs again.
        HalfDone: it could not be taken back either; `opsctl deploy resume` goes on.
        GuardRefused, EnvironmentLocked, UnfinishedDeploy, NotUp: nothing was changed.
    """
    if len(moves) > MOST_MOVES:
        raise UsageError(f"{len(moves)} things at once: {MOST_MOVES} at most in one {command}.")
    is_way_back = command == ROLLBACK  # no freeze and no dirty branch keeps anybody from what ran before
    if not is_way_back:
        guards.check_place(ports, command, intent)
    with locked(ports, command, intent):
        require_none_in_flight(ports.bucket, ports.environment.name)
        store, outputs = InFlightStore(ports.bucket, ports.environment.name), outputs_of(ports)
        _require_unmoved(ports, mover, outputs, moves)
        if not is_way_back:
            guards.check_time(ports, command, intent)
        deploy = InFlight(
            id=uuid.uuid4().hex, environment=ports.environment.name, command=command, kind=moves[0].kind,
            strategy=strategy, moves=moves, who=ports.identity.arn, user=user(),
            since=ports.clock.now().isoformat(timespec="seconds"), why=intent.why, settings=dict(settings or {}),
        )  # fmt: skip
        return _carry_out(AtWork(ports, outputs, deploy, store), mover, store, intent)


def resume(ports: Ports, *, back: bool = False, intent: Intent = UNSAID) -> Deployed:
    """Go on with a deploy whose process was killed, or take it back.

    Raises:
        NothingInFlight: there is none. Otherwise as `begin`.
    """
    from opsctl.deploy.movers import mover_of

    with locked(ports, DEPLOY, intent):
        store = InFlightStore(ports.bucket, ports.environment.name)
        deploy = store.read()
        if deploy is None:
            raise NothingInFlight(ports.environment.name)
        at_work = AtWork(ports, outputs_of(ports), deploy, store)
        if back and not deploy.returning:
            at_work.return_because(intent.why or "somebody resumed it with --back")
        return _carry_out(at_work, mover_of(deploy.kind), store, intent)


class MovedMeanwhile(Refused):
    """Somebody else moved it between the look at it and the lock: what goes back would undo theirs."""


def _require_unmoved(ports: Ports, mover: Mover, outputs: Mapping[str, Any], moves: tuple[Move, ...]) -> None:
    for move in moves:
        if (now := mover.current(ports, outputs, move.name)) != move.before:
            raise MovedMeanwhile(
                f"{move.name} was at {short(move.before)} a moment ago, and is at {short(now)} now.",
                where=ports.environment.name, next="Run the command again.",
            )  # fmt: skip


class NothingInFlight(Refused):
    """No deploy is half done."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"No deploy of {environment} is half done.", next=f"opsctl history {environment} --deploys lists them."
        )


def outputs_of(ports: Ports) -> Mapping[str, Any]:
    """The stack's outputs.

    Raises:
        NotUp: nothing is there to deploy to.
    """
    state = ports.bucket.state() if ports.bucket.exists() else None
    if state is None or not state.resources:
        name = ports.environment.name
        raise NotUp(f"{name} is not up, so there is nothing to deploy to.", next=f"opsctl up {name}")
    return state.outputs


def _carry_out(at_work: AtWork, mover: Mover, store: InFlightStore, intent: Intent) -> Deployed:
    """In flight from before the first step until after the record: a death in between repeats, and forgets nothing."""
    ports, begun = at_work.ports, at_work.ports.clock.monotonic()
    overrides = {**at_work.deploy.settings.get("overrides", {}), **intent.overrides}  # a kind's own guards, too
    details = _details(at_work.deploy) | {"why": intent.why or at_work.deploy.why, "overrides": overrides}
    try:
        with recorded(ports, at_work.deploy.command, details, under_lock=True) as recording:
            store.write(at_work.deploy)
            at_work.tell(DeployBegun(at_work.deploy))
            try:
                if not at_work.deploy.returning:
                    _forward(at_work, mover)
                if at_work.deploy.returning:
                    _back(at_work, mover)
            finally:
                recording.update(_details(at_work.deploy))
            outcome = RETURNED if at_work.deploy.returning else DONE
            recording["outcome"] = outcome
            deployed = _deployed(at_work.deploy, outcome, ports.clock.monotonic() - begun)
            at_work.tell(DeployEnded(at_work.deploy, outcome, deployed.seconds))
            if outcome == RETURNED:
                raise DeployReturned(deployed)
    except DeployReturned:
        store.clear()
        raise
    store.clear()
    return deployed


def _forward(at_work: AtWork, mover: Mover) -> None:
    """Forward as far as it goes; what keeps it from going on is the reason for the way back."""
    cause: Exception | None = None
    try:
        mover.forward(at_work)
        return
    except ReturnNeeded as need:
        why = str(need)
    except LockLost:  # somebody else may be at work: nothing more may be changed
        raise
    except (Interrupted, KeyboardInterrupt):
        why = "it was interrupted"
    except OpsctlError as error:
        why, cause = error.what, error
    except Exception as error:  # a bug of ours must not leave traffic split
        why, cause = f"an error that nobody foresaw ({type(error).__name__})", error
    try:
        require_held(at_work.ports)
        at_work.return_because(why)
    except LockLost:
        raise
    except OpsctlError as error:
        raise HalfDone(at_work.deploy, error.what) from (cause or error)


def _back(at_work: AtWork, mover: Mover) -> None:
    try:
        mover.back(at_work)
    except LockLost:
        raise
    except (Interrupted, KeyboardInterrupt) as error:
        raise LeftInFlight(at_work.deploy) from error
    except OpsctlError as error:
        raise HalfDone(at_work.deploy, error.what) from error
    except Exception as error:
        raise HalfDone(at_work.deploy, f"an error that nobody foresaw ({type(error).__name__})") from error


def _details(deploy: InFlight) -> dict[str, Any]:
    """What the journal keeps of a deploy."""
    return {
        "kind": deploy.kind, "strategy": deploy.strategy, "moves": [vars(move) for move in deploy.moves],
        "returned_because": deploy.returning,
        # A record is bounded, and the last ones decide.
        "decisions": [vars(decision) for decision in deploy.decisions[-KEPT_DECISIONS:]],
    }  # fmt: skip


def _deployed(deploy: InFlight, outcome: str, seconds: float) -> Deployed:
    return Deployed(
        deploy.environment, deploy.command, deploy.kind, deploy.strategy, outcome, deploy.moves, deploy.decisions,
        seconds, deploy.returning,
    )  # fmt: skip
