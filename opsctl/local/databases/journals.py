"""A server's log files as CloudWatch Logs events: one for each line of the error log, one for each slow statement."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

ENTRY = re.compile(r"^# (?:Time|User@Host): ", re.MULTILINE)
HEADER = re.compile(r"^(?:\S*mariadbd, Version: .*|Tcp port: .*|Time\s+Id Command\s+Argument)\n", re.MULTILINE)
"""What the server writes at the top of its slow log at each start."""
LARGEST_READ = 1_000_000


class Journal:
    """What is appended to a file from now on. A file that was replaced or cut is read from its beginning."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = file.stat().st_size if file.exists() else 0

    def new_text(self) -> str:
        """Whole lines that were appended since the last call, at most LARGEST_READ bytes."""
        try:
            with open(self._file, "rb") as file:
                size = file.seek(0, 2)
                file.seek(self._read if size >= self._read else 0)
                text = file.read(LARGEST_READ)
                start = file.tell() - len(text)
        except FileNotFoundError:
            return ""
        whole = text.rfind(b"\n") + 1
        self._read = start + whole
        return text[:whole].decode("utf-8", "replace")


def lines(text: str) -> list[str]:
    """The events of an error log: its lines."""
    return [line for line in text.splitlines() if line.strip()]


def slow_statements(text: str) -> list[str]:
    """The events of a slow log: a statement with what is said of it, several lines each.

    MariaDB writes `# Time:` only when the second is another one than that of the entry before.
    """
    text = HEADER.sub("", text)
    starts: list[int] = []
    for found in ENTRY.finditer(text):
        follows_its_time = starts and text[starts[-1] : found.start()].count("\n") == 1
        if not (follows_its_time and text.startswith("# Time: ", starts[-1])):
            starts.append(found.start())
    return [text[start:end].rstrip("\n") for start, end in pairwise([*starts, len(text)])]
