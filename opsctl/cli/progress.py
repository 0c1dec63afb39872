"""Events of the feature packages, put into words and onto the board. One table: event type → what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from opsctl.builds import packages
from opsctl.environments import events as stages
from opsctl.local import cloud
from opsctl.terraform import events as terraform
from opsctl.terraform.adoption import Adopted
from opsctl.ui.board import Board
from opsctl.ui.console import Console, duration, literal, size

VERBS = {
    "create": ("creating", "created"),
    "update": ("changing", "changed"),
    "delete": ("destroying", "destroyed"),
    "replace": ("replacing", "replaced"),
}
SLOW_SECONDS = 30
"""Without a terminal, a resource that takes this long says that it is still under way."""


class Progress:
    """A listener for everything that takes more than a second. Use it as a context manager and call it with events."""

    def __init__(self, console: Console) -> None:
        self._console, self._board = console, Board(console)
        self._planned, self._done = 0, 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            stages.StageStarted: self._stage_started,
            stages.StageFinished: self._stage_finished,
            stages.Notice: lambda event: self._board.line(f"[yellow]![/] {literal(event.text)}"),
            cloud.PortTaken: lambda event: self._board.line(
                f"[yellow]![/] port {event.wanted} is taken; the local cloud uses {event.chosen}"
            ),
            packages.PackageReady: self._package_ready,
            terraform.Version: self._begin_run,
            terraform.PlannedChange: self._planned_change,
            terraform.ApplyStart: self._resource_started,
            terraform.ApplyProgress: self._resource_slow,
            terraform.ApplyComplete: self._resource_done,
            terraform.ApplyErrored: self._resource_failed,
            terraform.Interrupting: lambda event: self._board.line(f"[yellow]![/] {literal(event.message)}"),
            terraform.Note: lambda event: self._board.line(f"[yellow]![/] {literal(event.message)}"),
            Adopted: lambda event: self._board.line(f"[yellow]![/] {literal(event.message)}"),
            terraform.Progress: self._long_step,
        }

    def __enter__(self) -> Progress:
        self._board.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._board.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop redrawing while a question is asked."""
        self._board.__exit__(None, None, None)
        yield
        self._board.__enter__()

    def __call__(self, event: object) -> None:
        handler = self._handlers.get(type(event))
        if handler:
            handler(event)

    def _stage_started(self, event: stages.StageStarted) -> None:
        self._board.begin(event.title, literal(event.title))
        if not self._console.can_animate and event.title == "terraform apply":
            self._board.line(f"[dim]…[/] {event.title}")

    def _stage_finished(self, event: stages.StageFinished) -> None:
        self._board.end(event.title)
        self._board.tally("")
        result = f"[dim]{literal(event.result)}[/]" if event.result else ""
        self._board.line(f"[green]✓[/] {event.title:<18} [dim]{duration(event.seconds):>10}[/]  {result}")

    def _package_ready(self, event: packages.PackageReady) -> None:
        package = event.package
        if not package.cached:
            self._board.line(f"  [dim]built[/] {literal(package.name)} [dim]{size(package.size_bytes)}[/]")

    def _begin_run(self, event: terraform.Version) -> None:
        # An apply repeats the changes of its plan.
        self._planned, self._done = 0, 0

    def _planned_change(self, event: terraform.PlannedChange) -> None:
        self._planned += 1

    def _resource_started(self, event: terraform.ApplyStart) -> None:
        if event.action in VERBS:
            self._board.begin(event.address, f"{VERBS[event.action][0]} {literal(short(event.address))}")

    def _resource_slow(self, event: terraform.ApplyProgress) -> None:
        if not self._console.can_animate and event.elapsed_seconds >= SLOW_SECONDS and event.elapsed_seconds % 30 < 10:
            self._board.line(
                f"  [dim]still at[/] {literal(short(event.address))} [dim]{duration(event.elapsed_seconds)}[/]"
            )

    def _resource_done(self, event: terraform.ApplyComplete) -> None:
        if event.action not in VERBS:
            return
        self._board.end(event.address)
        self._done += 1
        # A replacement is two steps, so this counts to a few more than were planned.
        self._board.tally(f"{self._done} of {max(self._planned, self._done)}")
        word = VERBS[event.action][1]
        seconds = f"[dim]{duration(event.elapsed_seconds):>10}[/]"
        self._board.line(f"  [dim]{word:<16}[/] {seconds}  {literal(short(event.address))}")

    def _resource_failed(self, event: terraform.ApplyErrored) -> None:
        self._board.end(event.address)
        self._board.line(
            f"  [red]failed[/]           {duration(event.elapsed_seconds):>10}  {literal(short(event.address))}"
        )

    def _long_step(self, event: terraform.Progress) -> None:
        self._board.begin("long step", literal(event.message))
        if not self._console.can_animate:
            self._board.line(f"  [dim]{literal(event.message)} {duration(event.elapsed_seconds)}[/]")


def short(address: str) -> str:
    """module.photos.aws_s3_bucket.photos → photos · aws_s3_bucket.photos"""
    parts = address.split(".")
    if parts[0] != "module":
        return address
    return f"{parts[1]} · {'.'.join(parts[2:])}"
