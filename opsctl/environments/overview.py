"""Every environment at a glance: those of opsctl.toml and the ephemeral ones, asked side by side. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsctl.config import Config
from opsctl.environments.environment import Environment
from opsctl.environments.ephemeral.copies import copy_of, parents, registry_of, remembered
from opsctl.environments.ephemeral.registration import Registration
from opsctl.environments.events import ignore
from opsctl.environments.ports import CloudNotRunning, Ports, connect
from opsctl.environments.status import read_status
from opsctl.errors import OpsctlError
from opsctl.journal import Entry, Record


@dataclass(frozen=True)
class Overview:
    """One environment.

    Attributes:
        registration: of an ephemeral one.
        phase: as of `status`, or "stopped" (the local cloud is) or "unknown" (`problem` says why).
        lock: who works on it now.
        since: when the oldest resource can have been made: the first `up` after it was last taken down.
        last_up, smoke: the journal's last entry of each command.
    """

    environment: str
    target: str
    account_id: str
    region: str
    registration: Registration | None
    phase: str
    resources: int = 0
    lock: Mapping[str, Any] | None = None
    since: datetime | None = None
    last_up: Entry | None = None
    smoke: Entry | None = None
    problem: str = ""

    @property
    def owner(self) -> str:
        """ARN of who made it; of one of opsctl.toml: of who took it up last."""
        return self.registration.owner if self.registration else self.last_up.who if self.last_up else ""

    @property
    def created(self) -> datetime | None:
        return self.registration.created if self.registration else self.since

    def to_json(self, now: datetime) -> dict[str, Any]:
        """The schema of `env list --json`: times ISO 8601 UTC, ages in seconds, null where there is none."""
        registration, created = self.registration, self.created
        return {
            "environment": self.environment,
            "ephemeral": registration is not None,
            "made_from": registration.parent if registration else None,
            "target": self.target,
            "account_id": self.account_id,
            "region": self.region,
            "owner": self.owner or None,
            "created": created.isoformat() if created else None,
            "age_seconds": round((now - created).total_seconds()) if created else None,
            "expires": registration.expires.isoformat() if registration else None,
            "seconds_left": round(registration.left(now).total_seconds()) if registration else None,
            "phase": self.phase,
            "resources": self.resources,
            "locked": self.lock is not None,
            "last_up": _deed(self.last_up),
            "smoke": _deed(self.smoke),
            "problem": self.problem or None,
        }


def _deed(entry: Entry | None) -> dict[str, Any] | None:
    return {"at": entry.at, "result": entry.result, "who": entry.who} if entry else None


def survey(config: Config) -> list[Overview]:
    """Every environment: first those of opsctl.toml, each followed by its copies, by name.

    One that can't be asked (no credentials, a stopped cloud) is in it, and says why.
    """
    asked = parents(config)
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="overview") as pool:
        families = list(pool.map(lambda parent: _family(config, parent), asked))
    return [overview for family in families for overview in family]


def look_at(environment: Environment, ports: Ports) -> Overview:
    """One environment, asked."""
    status = read_status(ports)
    since, last_up, smoke = deeds(_newest(ports)) if ports.bucket.exists() else (None, None, None)
    return Overview(
        environment.name, environment.target.value, environment.account_id, environment.region,
        registration=environment.registration, phase=status.phase, resources=status.resources, lock=status.lock,
        since=since, last_up=last_up, smoke=smoke,
    )  # fmt: skip


def deeds(newest_first: Iterable[Entry]) -> tuple[datetime | None, Entry | None, Entry | None]:
    """Since when it is up (None: it is down), its last `up`, its last `smoke`. Reads no further back than it must."""
    since: str | None = None
    last: dict[str, Entry] = {}
    was_down = False
    for entry in newest_first:
        was_down = was_down or (entry.command == "down" and entry.result == "done")
        if entry.command in ("up", "smoke"):
            last.setdefault(entry.command, entry)
            if entry.command == "up" and not was_down:
                since = entry.at
        if was_down and "up" in last:
            break
    return datetime.fromisoformat(since) if since else None, last.get("up"), last.get("smoke")


def _newest(ports: Ports) -> Iterator[Entry]:
    for record in ports.journal.newest():
        if isinstance(record, Record):
            yield record.entry


def _family(config: Config, parent: Environment) -> list[Overview]:
    """A configured environment and its copies."""
    try:
        ports = connect(config, parent, on_event=ignore, start=False)
        copies = list(registry_of(parent, ports).all())
    except OpsctlError as error:
        copies = [known for known in remembered(config).values() if known.parent == parent.name]
        return [_unasked(parent, error), *(_unasked(copy_of(config, known), error) for known in copies)]
    return [_asked(config, parent), *(_asked(config, copy_of(config, registration)) for registration in copies)]


def _asked(config: Config, environment: Environment) -> Overview:
    try:
        return look_at(environment, connect(config, environment, on_event=ignore, start=False))
    except OpsctlError as error:
        return _unasked(environment, error)


def _unasked(environment: Environment, error: OpsctlError) -> Overview:
    stopped = isinstance(error, CloudNotRunning)
    return Overview(
        environment.name, environment.target.value, environment.account_id, environment.region,
        registration=environment.registration, phase="stopped" if stopped else "unknown",
        problem="" if stopped else error.what,
    )  # fmt: skip
