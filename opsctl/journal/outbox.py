"""Entries that are not in their journal yet: on this machine's disk, until this command or a later one appends them."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from opsctl.files import write_atomically
from opsctl.journal.record import Entry, canonical, parse


class Outbox:
    """One file per entry, in the order of their times. What lies here is bounded and masked already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, entry: Entry) -> Path:
        """Raises DiskFull or OSError: it is not kept."""
        file = self.folder / f"{entry.at.replace(':', '')}-{entry.id}.json"
        write_atomically(file, canonical(asdict(entry)) + "\n", mode=0o600)
        return file

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Only one process at a time empties it. The kernel lets go when that process ends, however it does."""
        if not self.folder.is_dir():
            yield
            return
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def waiting(self) -> list[tuple[Path, Entry]]:
        """Oldest first. A file that can't be read is left where it is, for a person."""
        found = []
        for file in sorted(self.folder.glob("*.json")):
            try:
                found.append((file, Entry.from_document(parse(file.read_bytes()))))
            except (OSError, ValueError):
                continue
        return found
