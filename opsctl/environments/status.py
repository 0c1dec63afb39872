"""What an environment is and how it does, from its state, its lock and its journal. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.environments.lost_cloud import find_lost_cloud
from opsctl.environments.ports import Ports
from opsctl.journal import Entry


@dataclass(frozen=True)
class Status:
    """One environment as it stands.

    Attributes:
        phase: "absent", "up", "lost" (its local cloud was restarted) or "busy" (Terraform holds the lock).
        types: managed resources by type.
        lock: Terraform's lock record, when it is held.
        last: the last entry of the journal.
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


def read_status(ports: Ports) -> Status:
    """Four reads of the state bucket."""
    exists = ports.bucket.exists()
    state = ports.bucket.state() if exists else None
    lock = ports.bucket.lock() if exists else None
    last = ports.journal.last() if exists else None
    lost = find_lost_cloud(ports) if exists else None
    resources = state.resources if state else 0
    return Status(
        environment=ports.environment.name,
        target=ports.environment.target.value,
        account_id=ports.environment.account_id,
        region=ports.environment.region,
        endpoint_url=ports.access.endpoint_url,
        phase="lost" if lost else "busy" if lock else "up" if resources else "absent",
        resources=resources,
        types=state.types if state else {},
        serial=state.serial if state else None,
        lock=lock,
        last=last.entry if last else None,
    )
