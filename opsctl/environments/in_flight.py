"""A deploy that is under way, kept in the state bucket so that it outlives its process.

What is done next is written before it is done. So whoever finds a deploy without its process knows what may have been
changed, and can finish it or take it back (`opsctl.deploy`); every command that meets one says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from opsctl.environments.state_bucket import StateBucket
from opsctl.errors import OpsctlError, Refused


@dataclass(frozen=True)
class Move:
    """One thing on its way from one version to another.

    Attributes:
        kind: "function", "service" or "site".
        name: as people call it: a function's short name; the service and the site by their kind.
        before, after: a function's version number, the SHA-256 of the service's artifact, the page's version; `after`
            is empty until it is known.
    """

    kind: str
    name: str
    before: str
    after: str = ""

    def __str__(self) -> str:
        return f"{self.name} {short(self.before)} → {short(self.after) or '?'}"


def short(version: str) -> str:
    """A version as it is shown: digests by their first 12 digits."""
    return version[:12]


@dataclass(frozen=True)
class Decision:
    """What was decided at a step, and on what.

    Attributes:
        at: UTC, ISO 8601.
        move: its name.
        step: the step in words, such as "10 %".
        verdict: "advance", "promote" or "return".
        why: one sentence.
        evidence: numbers and states; JSON-able and free of secrets.
    """

    at: str
    move: str
    step: str
    verdict: str
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InFlight:
    """A deploy at work, or left behind by a process that was killed.

    Attributes:
        command: as the journal has it: "deploy" or "rollback".
        kind: of all its moves.
        strategy: as it was given, such as "canary:10%:5m".
        moves: in the order in which they are made; taken back in reverse.
        who, user, since, why: as in the lock and the journal.
        position: index of the move at work.
        reached: the highest one that was ever at work: what has to be taken back.
        step: what is being done, in the words of its kind; written before it is begun, so it may not have been.
        returning: why everything goes back; empty while it goes forward.
        settings: what the kind needs to go on from here (numbers and texts).
    """

    id: str
    environment: str
    command: str
    kind: str
    strategy: str
    moves: tuple[Move, ...]
    who: str
    user: str
    since: str
    why: str = ""
    position: int = 0
    reached: int = 0
    step: str = ""
    returning: str = ""
    decisions: tuple[Decision, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def move(self) -> Move:
        """The one at work."""
        return self.moves[self.position]

    def with_move(self, position: int, **changes: str) -> InFlight:
        """The same, one of its moves changed."""
        moves = list(self.moves)
        moves[position] = replace(moves[position], **changes)
        return replace(self, moves=tuple(moves))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> InFlight:
        """Raises:
        ValueError: it is not one.
        """
        document = json.loads(text)
        try:
            moves = tuple(Move(**move) for move in document.pop("moves"))
            decisions = tuple(Decision(**decision) for decision in document.pop("decisions"))
            found = cls(moves=moves, decisions=decisions, **document)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"it is no deploy ({type(error).__name__})") from error
        if not found.moves or not 0 <= found.position < len(found.moves):
            raise ValueError("it moves nothing")
        return found


class CorruptDeploy(OpsctlError):
    """The object of a deploy in flight can't be read."""


class UnfinishedDeploy(Refused):
    """A deploy was left half done, and this command would build on it."""

    def __init__(self, found: InFlight) -> None:
        self.found = found
        moves = ", ".join(map(str, found.moves))
        name = found.environment
        super().__init__(
            f"A {found.command} of {name} is half done: {moves}.",
            where=f"by {found.user} since {found.since}, at: {found.step or 'its begin'}",
            next=f"Finish it: opsctl deploy resume {name}   or take it back: opsctl deploy resume {name} --back",
        )


class InFlightStore:
    """Where an environment's deploy in flight lies: at most one, since a deploy holds the environment's lock."""

    def __init__(self, bucket: StateBucket, environment: str) -> None:
        self._bucket = bucket
        # Below the state: what a lost local cloud left behind is archived together.
        self._key, self._wish_key = f"{environment}/deploy.json", f"{environment}/deploy.return.json"

    def read(self) -> InFlight | None:
        """The deploy in flight; None when there is none.

        Raises:
            CorruptDeploy: something is there, and it is none.
        """
        body = self._bucket.read(self._key)
        if body is None:
            return None
        try:
            return InFlight.from_json(body.decode())
        except (ValueError, RecursionError) as error:
            raise CorruptDeploy(
                f"The deploy in flight can't be read: {error}.", where=f"s3://{self._bucket.name}/{self._key}",
                next="The bucket keeps earlier versions of it: restore the last good one, then opsctl deploy resume.",
            ) from error  # fmt: skip

    def write(self, deploy: InFlight) -> None:
        """Keep it. Only under the environment's lock."""
        self._bucket.write(self._key, deploy.to_json().encode())

    def clear(self) -> None:
        """It is over, and recorded."""
        self._bucket.remove(self._wish_key)
        self._bucket.remove(self._key)

    def wish_return(self, id: str, why: str) -> None:
        """Ask the process of deploy `id` to take it back; it looks at each of its polls. Needs no lock."""
        self._bucket.write(self._wish_key, json.dumps({"id": id, "why": why}).encode())

    def wished_return(self, id: str) -> str:
        """Why somebody asked for deploy `id` to be taken back; empty when nobody did."""
        body = self._bucket.read(self._wish_key)
        try:
            wish = json.loads(body) if body else {}
        except ValueError:
            return ""
        return str(wish.get("why") or "no reason given") if isinstance(wish, dict) and wish.get("id") == id else ""


def require_none_in_flight(bucket: StateBucket, environment: str) -> None:
    """Refuse to build on a deploy that is half done.

    Raises:
        UnfinishedDeploy, CorruptDeploy
    """
    found = InFlightStore(bucket, environment).read()
    if found:
        raise UnfinishedDeploy(found)
