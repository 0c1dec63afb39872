"""What was done to an environment, the last first, and whether the journal that says so is whole.

Reads only, and also where the local cloud is stopped: its state bucket is read from disk then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from opsctl.environments.events import ignore
from opsctl.environments.ports import CloudNotRunning, connect, journal_of, local_cloud
from opsctl.errors import OpsctlError
from opsctl.journal import Begun, Entry, Journal, Record, Unreadable

if TYPE_CHECKING:
    from opsctl.config import Config
    from opsctl.environments.environment import Environment


class ReadOnly(OpsctlError):
    """Something was to be written to what is only read."""


class KeptObjects:
    """A bucket's objects as they lie on disk (or none at all), for reading."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self._objects = objects

    def read(self, key: str) -> bytes | None:
        return self._objects.get(key)

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        body = self.read(key)
        return None if body is None else (body, "")

    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key in self._objects if key.startswith(prefix))

    def create(self, key: str, body: bytes) -> NoReturn:
        raise ReadOnly("A stopped local cloud's bucket is only read.", where=key, next="opsctl local start")

    def replace(self, key: str, body: bytes, etag: str | None) -> NoReturn:
        self.create(key, body)

    def remove(self, key: str) -> NoReturn:
        self.create(key, b"")


@dataclass(frozen=True)
class History:
    """A part of what was done.

    Attributes:
        records: the last ones, the last first; one that is gone or broken keeps its place.
        under_way: commands that began and have no record: at work, or killed and not yet noticed.
        waiting: entries on this machine that are not in the journal yet.
    """

    records: tuple[Record | Unreadable, ...]
    under_way: tuple[Begun, ...]
    waiting: tuple[Entry, ...]


def open_journal(config: Config, environment: Environment) -> Journal:
    """The journal of an environment, wherever it can be read. Starts nothing.

    Raises:
        CredentialsMissing, CredentialsExpired, WrongAccount, CloudUnreachable: on AWS.
    """
    try:
        ports = connect(config, environment, on_event=ignore, start=False)
    except CloudNotRunning:
        return _kept_journal(config, environment)
    if ports.bucket.exists():
        return ports.journal
    return journal_of(environment, KeptObjects({}), ports.cloud)


def read_history(journal: Journal, *, limit: int, command: str = "", deploys: bool = False) -> History:
    """The last `limit` records, or the last of those of one command, or of those that moved versions.

    Costs one request per record that is looked at, 8 at once, and at most five more.
    """
    records: list[Record | Unreadable] = []
    shown: set[str] = set()

    def is_wanted(entry: Entry) -> bool:
        return command in ("", entry.command) and (not deploys or bool(entry.details.get("moves")))

    if limit:
        for found in journal.newest(max(limit, 32) if command or deploys else limit):
            if isinstance(found, Record):
                # One that came late (from a machine that had no network) stands for the one that others wrote for it.
                if (found.entry.id and found.entry.id in shown) or not is_wanted(found.entry):
                    continue
                shown.add(found.entry.id)
            records.append(found)
            if len(records) == limit:
                break
    waiting = tuple(entry for _, entry in journal.outbox.waiting()) if journal.outbox else ()
    under_way = tuple(one for one in journal.begun() if is_wanted(one.entry))
    return History(tuple(records), under_way, tuple(filter(is_wanted, waiting)))


def _kept_journal(config: Config, environment: Environment) -> Journal:
    from opsctl.local.kept import kept_objects

    cloud = local_cloud(config)
    wanted = ("heads/", "begun/", f"{environment.name}/journal/")
    kept = {
        found.key: body
        for found in kept_objects(cloud.state_folder)
        if (found.account_id, found.bucket) == (environment.account_id, environment.state_bucket)
        and found.key.startswith(wanted)
        and (body := found.body()) is not None
    }
    return journal_of(environment, KeptObjects(kept), cloud)
