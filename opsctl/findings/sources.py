"""The lines that findings lie on, for those who show them and for waivers that are written beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

LARGEST_BYTES = 4_000_000


@dataclass(frozen=True)
class Sources:
    """Files by the names that findings have; each is read once, and one that can't be has no lines.

    Attributes:
        folder: what names are relative to.
    """

    folder: Path = Path()
    _read: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def lines(self, file: str) -> tuple[str, ...]:
        if file not in self._read:
            self._read[file] = _lines(self.folder / file) if file else ()
        return self._read[file]

    def line(self, file: str, number: int) -> str:
        """The text of a line (from 1); "" where there is none."""
        lines = self.lines(file)
        return lines[number - 1] if 0 < number <= len(lines) else ""


def _lines(file: Path) -> tuple[str, ...]:
    try:
        if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            return ()
        return tuple(file.read_text(encoding="utf-8", errors="replace").split("\n"))
    except (OSError, ValueError):
        return ()
