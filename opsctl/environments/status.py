"""What an environment is and how it does, from its state, its lock and its journal. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.environments.in_flight import InFlight, InFlightStore
from opsctl.environments.locks.lock import Life
from opsctl.environments.locks.locking import look
from opsctl.environments.lost_cloud import find_lost_cloud
from opsctl.environments.ports import Ports
from opsctl.journal import Entry


@dataclass(frozen=True)
class Status:
    """One environment as it stands.

    Attributes:
        phase: "absent", "up", "lost" (its local cloud was restarted) or "busy" (locked by a command that may live).
        types: managed resources by type.
        lock: who holds it, since when, why, and whether anybody still does (`Situation.to_json`); None when it is free.
        last: the last entry of the journal.
        deploy: one that is at work or half done (`in_flight.InFlight`); None when there is none.
    """

    environment: str
    target: str
    account_id: str
    region: str
    endpoint_url: str | None
    phase: str
    resources: int
    types: Mapping[str, int]
    serial: int | None
    lock: Mapping[str, Any] | None
    last: Entry | None
    deploy: InFlight | None = None


def read_status(ports: Ports) -> Status:
    """Six reads of the state bucket."""
    exists = ports.bucket.exists()
    state = ports.bucket.state() if exists else None
    situation = look(ports) if exists else None
    busy = situation is not None and situation.verdict.life is not Life.ORPHANED
    last = ports.journal.last() if exists else None
    lost = find_lost_cloud(ports) if exists else None
    resources = state.resources if state else 0
    return Status(
        environment=ports.environment.name,
        target=ports.environment.target.value,
        account_id=ports.environment.account_id,
        region=ports.environment.region,
        endpoint_url=ports.access.endpoint_url,
        phase="lost" if lost else "busy" if busy else "up" if resources else "absent",
        resources=resources,
        types=state.types if state else {},
        serial=state.serial if state else None,
        lock=situation.to_json() if situation else None,
        last=last.entry if last else None,
        deploy=InFlightStore(ports.bucket, ports.environment.name).read() if exists else None,
    )
