"""The one Console: results on stdout, progress and questions on stderr, plain lines where there is no terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from opsctl.errors import Interrupted, OpsctlError, Refused


class Console:
    """stdout for what was asked for, stderr for everything else, so that a pipe gets results only.

    NO_COLOR and FORCE_COLOR are honoured (no-color.org, force-color.org). Colours without a terminal never bring
    moving lines with them.
    """

    def __init__(self) -> None:
        colour = bool(os.environ.get("FORCE_COLOR")) and not os.environ.get("NO_COLOR")
        width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 120
        settings: dict[str, Any] = {"highlight": False, "soft_wrap": True, "width": width}
        if colour:
            settings |= {"force_terminal": True, "color_system": "truecolor"}
        self.out = RichConsole(**settings)
        self.err = RichConsole(stderr=True, **settings)

    @property
    def can_animate(self) -> bool:
        """Whether progress may redraw itself: stderr is a terminal that moves its cursor."""
        return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI")

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, text: str = "", *, style: str | None = None, whole: bool = False) -> None:
        """A line of the result. `text` may hold rich markup; data goes through `literal` first.

        Args:
            whole: never broken into several lines, for a command that is to be copied.
        """
        self.out.print(text, style=style, soft_wrap=whole)

    def note(self, text: str, *, style: str | None = "dim") -> None:
        """A line of progress."""
        self.err.print(text, style=style)

    def warn(self, text: str) -> None:
        self.err.print(f"[yellow]![/] {text}")

    def json(self, document: Any) -> None:
        """One JSON document on stdout, never coloured, keys in the order that the schema gives."""
        sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")

    def text(self, text: str) -> None:
        """A document on stdout exactly as it is, for a file or a pipe."""
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, title: str | None = None) -> None:
        """A borderless table; cells that are str are taken literally, and folded where they don't fit."""
        table = Table(box=None, title=title, title_justify="left", pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
        self.out.print(table)

    def confirm(self, question: str) -> bool:
        """Ask yes or no; no is the default.

        Raises:
            Refused: nobody is there to answer.
        """
        return self.ask(rf"{question} \[y/N]").strip().lower() in ("y", "yes")

    def ask(self, question: str) -> str:
        """Ask for a line.

        Raises:
            Refused: nobody is there to answer.
        """
        if not self.can_ask:
            raise Refused(
                f"A person would be asked: {Text.from_markup(question).plain}",
                where="there is no terminal to ask at",
                next="Look at the plan, then run the command again with --yes.",
            )
        self.err.print(f"{question} ", end="")
        try:
            return input()
        except EOFError:
            return ""

    def error(self, error: OpsctlError) -> None:
        """What happened, where, what to do next: one screen, on stderr."""
        stopped = isinstance(error, Interrupted)
        self.err.print(
            f"[bold {'yellow' if stopped else 'red'}]{'stopped' if stopped else 'error'}:[/] {escape(error.what)}"
        )
        if error.where:
            self.err.print(f"  [dim]where:[/] {escape(error.where)}")
        if error.next:
            self.err.print(f"  [bold]next:[/]  {escape(error.next)}")


def literal(text: object) -> str:
    """`text` so that rich prints it as it is."""
    return escape(str(text))


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 2 min 09 s."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def span(seconds: float) -> str:
    """An age or a time left, in its two largest units: 40 s, 12 min, 7 h 20 min, 2 d 3 h."""
    minutes = int(seconds) // 60
    (days, hours), rest = divmod(minutes // 60, 24), minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


def size(number_of_bytes: float) -> str:
    """Bytes as people say them, powers of 1000: 812 B, 3.4 MB."""
    for unit in ("B", "kB", "MB"):
        if number_of_bytes < 1000:
            return f"{number_of_bytes:.0f} {unit}" if unit == "B" else f"{number_of_bytes:.1f} {unit}"
        number_of_bytes /= 1000
    return f"{number_of_bytes:.1f} GB"
