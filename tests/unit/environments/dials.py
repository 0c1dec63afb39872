"""The simplest thing that can be deployed: dials, each with a share for each version, in a world that can be killed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsctl.deploy.deploying import AtWork, ReturnNeeded
from opsctl.environments.intent import Intent
from opsctl.environments.ports import Ports
from opsctl.errors import UsageError
from tests.unit.environments.conftest import MemoryAws


class Killed(BaseException):
    """What SIGKILL is to a process: nothing that it would still do has an effect."""


class DyingAws(MemoryAws):
    """A cloud whose client dies after a number of effects and calls.

    Attributes:
        dials: name → version → percent.
        tidied: dials whose way back was wholly made.
        breaks: what is seen of a version at a watch: version → a reason to go back.
        left: effects and calls until it dies; None lives for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dials: dict[str, dict[str, int]] = {}
        self.breaks: dict[str, str] = {}
        self.tidied: set[str] = set()
        self.left: int | None = None
        self.effects = 0

    def count(self) -> None:
        self.effects += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> Any:
        self.count()
        return super().call(service, operation, region=region, **parameters)

    def turn(self, name: str, shares: Mapping[str, int]) -> None:
        self.count()
        self.dials[name] = dict(shares)


class DialMover:
    """Half of the way, a look, the whole way; one dial after the other. The way back goes over them twice."""

    world: DyingAws

    def current(self, ports: Ports, outputs: Mapping[str, Any], name: str) -> str:
        if name not in self.world.dials:
            raise UsageError(f"There is no dial {name}.")
        return max(self.world.dials[name], key=lambda version: self.world.dials[name][version])

    def require_version(
        self, ports: Ports, outputs: Mapping[str, Any], name: str, version: str, intent: Intent
    ) -> None:
        if not version.isdigit():
            raise UsageError(f"{name} has no version {version}.")

    def forward(self, at_work: AtWork) -> None:
        for position in range(at_work.deploy.position, len(at_work.deploy.moves)):
            move = at_work.deploy.moves[position]
            after = move.after or str(int(move.before) + 1)
            at_work.step("50 %", position=position, after=after, weights={move.before: 50, after: 50})
            self.world.turn(move.name, {move.before: 50, after: 50})
            at_work.pause()
            if why := self.world.breaks.get(after):
                at_work.decide("return", why, {"errors": 7})
                raise ReturnNeeded(why)
            at_work.decide("promote", "nothing failed", {"errors": 0})
            at_work.step("100 %", weights={after: 100})
            self.world.turn(move.name, {after: 100})

    def back(self, at_work: AtWork) -> None:
        for position in reversed(range(at_work.deploy.reached + 1)):
            move = at_work.deploy.moves[position]
            at_work.step("back", position=position, weights={move.before: 100})
            self.world.turn(move.name, {move.before: 100})
        for position in reversed(range(at_work.deploy.reached + 1)):
            at_work.step("tidy", position=position)
            self.world.count()
            self.world.tidied.add(at_work.deploy.moves[position].name)
