"""Who has something in the local cloud: read from the states and locks that it keeps on disk, of every account."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from opsctl.environments.state_bucket import parse_state
from opsctl.local.kept import KeptObject, kept_objects

UNKNOWN = -1
"""Resources of an environment whose state can't be read: something may be there."""


@dataclass(frozen=True)
class Occupant:
    """An environment that would lose something.

    Attributes:
        resources: how many its state lists; `UNKNOWN` when that can't be read.
        busy: a command holds one of its locks.
    """

    environment: str
    account_id: str
    resources: int
    busy: bool


def occupants(state_folder: Path, *, incarnation: str | None = None) -> tuple[Occupant, ...]:
    """Environments that have resources in the local cloud, or are being worked on, by name.

    Args:
        incarnation: leave out what was applied to another life of the cloud, and is gone already. None: everything that
            is listed in a kept state.
    """
    objects = {(kept.account_id, kept.key): kept for kept in kept_objects(state_folder)}
    found = []
    for account_id, name in sorted({(account, name) for account, key in objects for name in _names(key)}):

        def body(key: str, account_id: str = account_id) -> bytes | None:
            kept: KeptObject | None = objects.get((account_id, key))
            return kept.body() if kept else None

        busy = any(body(key) is not None for key in (f"{name}/terraform.tfstate.tflock", f"locks/{name}.json"))
        noted = body(f"{name}/incarnation")
        gone = incarnation is not None and noted is not None and noted.decode() != incarnation
        resources = 0 if gone else _resources(body(f"{name}/terraform.tfstate"))
        if resources or busy:
            found.append(Occupant(name, account_id, resources, busy))
    return tuple(sorted(found, key=lambda occupant: occupant.environment))


def _names(key: str) -> list[str]:
    """The environment that a key speaks of."""
    folder, _, file = key.partition("/")
    if folder == "locks":
        return [file.removesuffix(".json")]
    return [folder] if file in ("terraform.tfstate", "terraform.tfstate.tflock") else []


def _resources(state: bytes | None) -> int:
    if not state:
        return 0
    try:
        return parse_state(state.decode()).resources
    except (ValueError, KeyError, TypeError):
        return UNKNOWN
