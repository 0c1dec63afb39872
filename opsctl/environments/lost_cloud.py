"""When the local cloud was stopped or died, its resources are gone and the state on disk still lists them.

Each life of the local cloud has an id of its own (its incarnation). Before an apply we note it beside the state; when
another one answers later, what the state says is no longer there.
"""

from __future__ import annotations

from dataclasses import dataclass

from opsctl.environments.ports import Ports
from opsctl.environments.records import recorded
from opsctl.errors import Refused
from opsctl.terraform.runner import UNSAVED_STATE


@dataclass(frozen=True)
class LostCloud:
    """The environment's state speaks of a local cloud that is gone.

    Attributes:
        resources: how many resources the state lists; 0 when the cloud went during the first apply.
    """

    environment: str
    resources: int


class StaleState(Refused):
    """Nobody agreed to start afresh."""

    def __init__(self, lost: LostCloud) -> None:
        super().__init__(
            f"The local cloud was restarted: {lost.resources} resources in the state of {lost.environment} are gone.",
            next=f"Start afresh with: opsctl up {lost.environment} --yes (the old state is archived).",
        )


def find_lost_cloud(ports: Ports) -> LostCloud | None:
    """Whether the environment was applied to an earlier life of the local cloud. One or two reads."""
    noted = ports.bucket.read(_key(ports)) if ports.incarnation else None
    if noted is None or noted.decode() == ports.incarnation:
        return None
    state = ports.bucket.state()
    return LostCloud(ports.environment.name, state.resources if state else 0)


def start_afresh(ports: Ports) -> str:
    """Archive the state and its lock, record that, and say where they are. The journal goes on."""
    with recorded(ports, "start afresh", {}) as details:
        place = details["archive"] = ports.bucket.archive(f"{ports.clock.now():%Y%m%dT%H%M%SZ}")
        # A state that could not be saved when the cloud went away would be put back onto the new one.
        unsaved = ports.environment.work / UNSAVED_STATE
        if unsaved.exists():
            unsaved.rename(unsaved.with_name(f"{unsaved.stem}-{ports.clock.now():%Y%m%dT%H%M%SZ}.tfstate"))
    return place


def note_incarnation(ports: Ports) -> None:
    """Remember which life of the local cloud the environment is being applied to."""
    if ports.incarnation:
        ports.bucket.write(_key(ports), ports.incarnation.encode())


def forget_incarnation(ports: Ports) -> None:
    """The environment is gone in good order: a later cloud owes it nothing."""
    if ports.incarnation:
        ports.bucket.remove(_key(ports))


def _key(ports: Ports) -> str:
    return f"{ports.environment.name}/incarnation"
