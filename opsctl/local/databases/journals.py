"""A server's log files as CloudWatch Logs events: one for each line of the error log, one for each slow statement."""

from __future__ import annotations

import re
from itertools import pairwise

ENTRY = re.compile(r"^# (?:Time|User@Host): ", re.MULTILINE)
HEADER = re.compile(r"^(?:\S*mariadbd, Version: .*|Tcp port: .*|Time\s+Id Command\s+Argument)\n", re.MULTILINE)
"""What the server writes at the top of its slow log at each start."""


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
