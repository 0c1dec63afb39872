"""Latencies in a terminal: a bar for each time that something was done, the latest at the right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import NamedTuple

from rich.live import Live
from rich.table import Table
from rich.text import Text

from opsctl.ui.console import Console

BARS = "▁▂▃▄▅▆▇█"
MISSING = "✗"
FIXED_COLUMNS = 52
"""What a row takes beside its name and its bars."""
FEWEST_BARS = 10


class Row(NamedTuple):
    """One thing that is done again and again.

    Attributes:
        seconds: the latest last; None where it failed.
        note: shown below it, in red.
    """

    name: str
    seconds: Sequence[float | None]
    runs: int
    failures: int
    note: str = ""

    @property
    def is_good(self) -> bool:
        return bool(self.seconds) and self.seconds[-1] is not None


def bars(seconds: Sequence[float | None], width: int) -> Text:
    """The last `width` times as bars from nothing to their longest; a failure is a red cross."""
    shown = list(seconds)[-width:]
    longest = max((value for value in shown if value is not None), default=0.0) or 1.0
    text = Text(" " * (width - len(shown)))
    for value in shown:
        if value is None:
            text.append(MISSING, "bold red")
        else:
            text.append(BARS[min(len(BARS) - 1, int(value / longest * len(BARS)))], "green")
    return text


def latency_table(rows: Iterable[Row], *, width: int, height: int) -> Table:
    """As many rows as fit, those that fail first; what is left out is counted."""
    ordered = sorted(rows, key=lambda row: row.is_good)
    name_width = max((len(row.name) for row in ordered), default=4)
    room = max(FEWEST_BARS, width - name_width - FIXED_COLUMNS)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, justify in (("check", "left"), ("last", "right"), ("median", "right"), ("longest", "right"),
                            ("good", "right"), ("latency, now at the right", "left")):  # fmt: skip
        table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    lines = 0
    fitting = max(1, height)
    for shown, row in enumerate(ordered):
        needs = 1 + bool(row.note)
        if lines + needs > fitting:
            table.add_row(Text(f"and {len(ordered) - shown} more", style="dim"))
            break
        lines += needs
        _add(table, row, room)
    return table


def _add(table: Table, row: Row, room: int) -> None:
    good = sorted(value for value in row.seconds if value is not None)
    last = row.seconds[-1] if row.seconds else None
    table.add_row(
        Text.assemble(("✓ ", "green") if row.is_good else ("✗ ", "bold red"), row.name),
        "–" if last is None else f"{last:.2f} s",
        f"{good[len(good) // 2]:.2f} s" if good else "–",
        f"{good[-1]:.2f} s" if good else "–",
        f"{row.runs - row.failures} of {row.runs}",
        bars(row.seconds, room),
    )
    if row.note:
        note = Text(row.note, style="red")
        note.truncate(room, overflow="ellipsis")
        table.add_row("", "", "", "", "", note)


class LatencyBoard:
    """A context manager: the table stays in its place on a terminal; elsewhere each run is one plain line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def __enter__(self) -> LatencyBoard:
        if self._console.can_animate:
            self._live = Live(console=self._console.err, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, rows: Iterable[Row], line: str) -> None:
        """Show how things are now.

        Args:
            line: the same in one plain line of markup.
        """
        if self._live is None:
            self._console.err.print(line)
            return
        size = self._console.err.size
        table = latency_table(rows, width=size.width, height=size.height - 5)
        table.caption, table.caption_justify = Text.from_markup(line), "left"
        self._live.update(table, refresh=True)
