"""Progress: finished things scroll by as lines, running ones stay below with their elapsed time.

Without a terminal only the lines are printed; a long-running thing says so once in a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from opsctl.ui.console import Console, duration

SHOWN = 8
"""Running things that are listed; the rest are counted."""


class Board:
    """A context manager around a long piece of work."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[str, tuple[str, float]] = {}
        self._tally = ""
        self._panel: Callable[[], RenderableType] | None = None
        self._live: Live | None = None
        self._spinner = Spinner("dots", style="cyan")

    def __enter__(self) -> Board:
        if self._console.can_animate:
            self._live = Live(
                console=self._console.err, get_renderable=self._render, refresh_per_second=8, transient=True
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def line(self, text: str, *, style: str | None = None) -> None:
        """Something that is over: a line that stays."""
        self._console.err.print(text, style=style)

    def begin(self, key: str, label: str) -> None:
        """`label` runs from now on."""
        self._running[key] = (label, time.monotonic())

    def end(self, key: str) -> float:
        """It ended; the seconds that it took (0 for what never began)."""
        _, since = self._running.pop(key, ("", time.monotonic()))
        return time.monotonic() - since

    def tally(self, text: str) -> None:
        """A count behind the first running thing, such as "41 of 93"."""
        self._tally = text

    def panel(self, draw: Callable[[], RenderableType] | None) -> None:
        """What is drawn below the running things from now on, anew each time; without a terminal it isn't."""
        self._panel = draw

    def _render(self) -> RenderableType:
        now = time.monotonic()
        rows: list[RenderableType] = []
        for index, (label, since) in enumerate(list(self._running.values())[:SHOWN]):
            text = Text.from_markup(f"{label} [dim]{duration(now - since)}[/]")
            if index == 0 and self._tally:
                text.append(f"  {self._tally}", style="dim")
            if index == 0:
                self._spinner.update(text=text)
            rows.append(self._spinner if index == 0 else Text.assemble("  ", text))
        if hidden := len(self._running) - SHOWN:
            rows += [Text(f"  and {hidden} more", style="dim")] if hidden > 0 else []
        return Group(*rows, *([self._panel()] if self._panel else []))
