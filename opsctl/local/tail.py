"""What is appended to a log file while a process writes it."""

from __future__ import annotations

from pathlib import Path

LARGEST_READ = 1_000_000


class Tail:
    """What is appended to a file from now on. A file that was replaced or cut is read from its beginning."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = file.stat().st_size if file.exists() else 0

    def new_text(self) -> str:
        """Whole lines that were appended since the last call, at most LARGEST_READ bytes; of a longer line, parts."""
        try:
            with open(self._file, "rb") as file:
                size = file.seek(0, 2)
                file.seek(self._read if size >= self._read else 0)
                text = file.read(LARGEST_READ)
                start = file.tell() - len(text)
        except FileNotFoundError:
            return ""
        whole = text.rfind(b"\n") + 1 or (len(text) if len(text) == LARGEST_READ else 0)
        self._read = start + whole
        return text[:whole].decode("utf-8", "replace")
