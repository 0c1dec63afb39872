"""What this machine last saw of a journal, kept outside of the bucket.

Who can write to the bucket can cut the records' tail and set the head back to match; then the two agree, and only
somebody who remembers the longer journal can tell.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from opsctl.errors import OpsctlError
from opsctl.files import write_atomically
from opsctl.journal.record import Head, parse


def state_folder() -> Path:
    """Where this user's machine keeps what must outlive a project folder. Source: XDG Base Directory Specification."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "opsctl"


@dataclass(frozen=True)
class Seen:
    """A journal's head as this machine last saw it, and when (UTC, ISO 8601)."""

    head: Head
    at: str


class Witness:
    """The file of one journal. It is a help, never a condition: when it can't be written, the command goes on."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def seen(self) -> Seen | None:
        """None where nothing was seen yet, or where the file can't be read."""
        try:
            document = parse(self.file.read_bytes())
            return Seen(Head(int(document["length"]), str(document["hash"])), str(document["at"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def note(self, head: Head, at: str) -> None:
        """Remember `head`, unless a longer one is remembered."""
        seen = self.seen()
        if seen and seen.head.length >= head.length:
            return
        with contextlib.suppress(OSError, OpsctlError):
            write_atomically(self.file, json.dumps(asdict(head) | {"at": at}) + "\n", mode=0o600)
