"""A deploy while it goes on: what was decided scrolls by as lines; below them the step at work is drawn anew.

Without a terminal: a line for each step, decision and change of an alarm, and a sign of life every half minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from opsctl.cli.progress import Progress
from opsctl.deploy.deploying import Deployed
from opsctl.deploy.events import (
    Decided,
    DeployBegun,
    DeployEnded,
    DeployEvent,
    ReturnBegun,
    StepBegun,
    VersionHealth,
    Watched,
)
from opsctl.environments.in_flight import Decision, InFlight, Move, short
from opsctl.ui.console import Console, duration, literal

HEARTBEAT_SECONDS = 30
"""Without a terminal, a step that is watched says so this often."""
BRIEF_VERSION = 7
"""Digits of a version that are shown on a narrow terminal."""
VERDICTS = {"advance": "green", "promote": "green", "return": "bold red"}
ALARMS = {"OK": "green", "ALARM": "bold red", "INSUFFICIENT_DATA": "yellow"}
SHORTEST_BAR, LONGEST_BAR = 6, 24
SHOWN_ALARMS = 3


@dataclass(frozen=True)
class Scene:
    """What is known of a deploy after the events so far.

    Attributes:
        deploy: as it was last told; None before it begins.
        moves: of it, with what is known by now.
        move, step, weights, versions, alarms, waits_for, note: of the last `StepBegun` or `Watched`.
        ends_at: monotonic seconds at which the step ends at the earliest; None where it isn't watched for a time.
        returning: why everything goes back.
    """

    deploy: InFlight | None = None
    moves: tuple[Move, ...] = ()
    move: Move | None = None
    step: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    versions: tuple[VersionHealth, ...] = ()
    alarms: Mapping[str, str] = field(default_factory=dict)
    ends_at: float | None = None
    waits_for: str = ""
    note: str = ""
    returning: str = ""

    def after(self, event: DeployEvent, now: float) -> Scene:
        """The scene once `event` happened, at `now` (monotonic seconds)."""
        match event:
            case DeployBegun(deploy):
                return Scene(deploy, deploy.moves, deploy.move, deploy.step, returning=deploy.returning)
            case StepBegun(move, step, weights, seconds):
                here = self._at(move)
                same_move = self.move is not None and self.move.name == move.name
                return replace(
                    here, step=step, weights=weights, versions=(), alarms=self.alarms if same_move else {},
                    ends_at=now + seconds if seconds else None, waits_for="", note="",
                )  # fmt: skip
            case Watched(move, step, weights, versions, alarms, seconds_left, waits_for, note):
                return replace(
                    self._at(move), step=step, weights=weights, versions=versions, alarms=alarms,
                    ends_at=now + seconds_left, waits_for=waits_for, note=note,
                )  # fmt: skip
            case ReturnBegun(deploy, why):
                return replace(self, deploy=deploy, returning=why)
            case DeployEnded(deploy, _, _):
                return replace(self, deploy=deploy, moves=deploy.moves)
            case Decided():
                return self

    def _at(self, move: Move) -> Scene:
        moves = tuple(move if known.name == move.name else known for known in self.moves)
        return replace(self, moves=moves, move=move)

    @property
    def position(self) -> int:
        """Which of the moves is at work, from 1; 0 before one is."""
        return next((at for at, move in enumerate(self.moves, 1) if self.move and move.name == self.move.name), 0)

    def rows(self) -> list[tuple[str, str, float | None, VersionHealth]]:
        """(version, its role, its weight, its health) of each version, the one that ran before first."""
        assert self.move
        known = {health.version: health for health in self.versions}
        roles = {self.move.before: "now", self.move.after: "new"}
        versions = dict.fromkeys([self.move.before, self.move.after, *self.weights, *known])
        seen = [version for version in versions if version and (version in self.weights or version in known)]
        return [
            (version, roles.get(version, ""), self.weights.get(version), known.get(version, VersionHealth(version)))
            for version in seen
        ]


class DeployView(Progress):
    """Shows a deploy, beside the stages and notices of every other command."""

    def __init__(self, console: Console, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console)
        self._monotonic = monotonic
        self._scene = Scene()
        self._said_at = monotonic()
        self._handlers |= {
            DeployBegun: self._begun,
            StepBegun: self._step,
            Watched: self._watched,
            Decided: lambda event: self._say(decision_line(event.decision)),
            ReturnBegun: lambda event: self._say(f"[bold yellow]↩[/] going back: {literal(event.why)}"),
            DeployEnded: lambda event: self._board.panel(None),
        }

    def __call__(self, event: object) -> None:
        before = self._scene
        if isinstance(event, DeployEvent):
            self._scene = self._scene.after(event, self._monotonic())
        try:
            super().__call__(event)
            if isinstance(event, Watched):
                self._changes(before)
        except OSError:
            # Whoever watched went away (`opsctl deploy … 2>&1 | head`): no reason to leave a deploy half done.
            self._handlers.clear()

    def _say(self, line: str) -> None:
        self._board.line(line)
        self._said_at = self._monotonic()

    def _begun(self, event: DeployBegun) -> None:
        deploy = event.deploy
        resumed = f", resumed at: {literal(deploy.step)}" if deploy.step else ""
        self._say(f"[bold]{literal(deploy.command)}[/] of {literal(deploy.environment)}, "
                  f"{literal(deploy.strategy)}{resumed}")  # fmt: skip
        self._board.panel(lambda: Panel(self._scene, self._monotonic()))

    def _step(self, event: StepBegun) -> None:
        self._say(step_line(event))

    def _watched(self, event: Watched) -> None:
        if not self._console.can_animate and self._monotonic() - self._said_at >= HEARTBEAT_SECONDS:
            self._say(f"  [dim]still at[/] {literal(event.step)}: {watched_words(event)}")

    def _changes(self, before: Scene) -> None:
        """Lines for what differs from the look before: an alarm's state, something that could not be seen."""
        for name, state in self._scene.alarms.items():
            was = before.alarms.get(name)
            if state != was and (was is not None or state == "ALARM"):
                came_from = f"{was} → " if was else ""
                self._say(f"  alarm {literal(name)}: {came_from}[{ALARMS.get(state, 'yellow')}]{literal(state)}[/]")
        if self._scene.note and self._scene.note != before.note:
            self._say(f"  [yellow]![/] {literal(self._scene.note)}")


@dataclass
class Panel:
    """The step at work: where it is, a line for each version, the alarms. As wide as the terminal."""

    scene: Scene
    now: float

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        # Our console leaves long lines to the terminal, which a region that is redrawn can't.
        folded = options.update(no_wrap=False, overflow="fold")
        yield from console.render(Group(*self.parts(options.max_width)), folded)

    def __rich_measure__(self, console: RichConsole, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)

    def parts(self, width: int) -> list[RenderableType]:
        scene = self.scene
        if scene.move is None:
            return []
        parts: list[RenderableType] = [Text("")]
        parts += [self._head(), *([self._versions(width)] if scene.rows() else []), *self._alarms()]
        if scene.note:
            parts.append(Text.assemble(("! ", "yellow"), scene.note))
        if scene.returning:
            parts.append(Text.assemble(("↩ ", "bold yellow"), "going back: ", scene.returning))
        return parts

    def _head(self) -> Text:
        scene = self.scene
        assert scene.move
        head = Text.assemble((scene.move.name, "bold"))
        if len(scene.moves) > 1:
            head.append(f" ({scene.position} of {len(scene.moves)})")
        head.append(f"  {scene.step or 'begins'}")
        if waiting := self._waiting():
            head.append(f"  {waiting}", style="cyan")
        return head

    def _waiting(self) -> str:
        scene = self.scene
        left = max(0.0, scene.ends_at - self.now) if scene.ends_at is not None else None
        parts = [f"next step in {countdown(left)}"] if left else []
        return ", ".join([*parts, *([f"waits for {scene.waits_for}"] if scene.waits_for else [])])

    def _versions(self, width: int) -> Table:
        rows = self.scene.rows()
        columns = [column for column in COLUMNS if column.shown(rows)]
        cells = [
            [Text.assemble(short(version), (f" {role}", "dim")), *(column.cell(weight, health) for column in columns)]
            for version, role, weight, health in rows
        ]
        titles, gap = ["version", *(column.title for column in columns)], 2
        spare = width - sum(
            max([len(title), *map(len, column)]) + gap for title, *column in zip(titles, *cells, strict=True)
        )
        if spare < 0:
            gap, titles = 1, ["version", *(column.brief for column in columns)]
            for (version, *_), line in zip(rows, cells, strict=True):
                line[0] = Text(version[:BRIEF_VERSION])
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
        for at, title in enumerate(titles):
            table.add_column(title, justify="right" if at else "left", no_wrap=True)
        if bar := min(LONGEST_BAR, spare - gap) if spare - gap >= SHORTEST_BAR else 0:
            table.add_column("", no_wrap=True)
        for (_, role, weight, _), line in zip(rows, cells, strict=True):
            table.add_row(*line, *([weight_bar(weight, bar, new=role == "new")] if bar else []))
        return table

    def _alarms(self) -> list[Text]:
        alarms = self.scene.alarms
        if not alarms:
            return []
        text = Text("alarms", style="dim")
        # The worst first; names that are fine are counted once there are many.
        order = sorted(alarms.items(), key=lambda item: (item[1] == "OK", item[0]))
        for at, (name, state) in enumerate(order):
            if state == "OK" and at >= SHOWN_ALARMS:
                text.append(f"  and {len(order) - at} more OK", style="dim")
                break
            text.append("  ").append(state, style=ALARMS.get(state, "yellow")).append(f" {name}", style="default")
        return [text]


@dataclass(frozen=True)
class Column:
    """One figure of a version: its heading (a brief one for a narrow terminal), what it says, and of whom."""

    title: str
    brief: str
    say: Callable[[float | None, VersionHealth], Text]
    relevant: Callable[[float | None, VersionHealth], bool] = lambda weight, health: health.requests is not None

    def shown(self, rows: Sequence[tuple[str, str, float | None, VersionHealth]]) -> bool:
        return any(self.relevant(weight, health) for _, _, weight, health in rows)

    def cell(self, weight: float | None, health: VersionHealth) -> Text:
        return self.say(weight, health) if self.relevant(weight, health) else Text("?", style="dim")


def _errors(weight: float | None, health: VersionHealth) -> Text:
    return Text(count(health.errors), style="red" if health.errors else "")


def _rate(weight: float | None, health: VersionHealth) -> Text:
    return Text(rate(health), style="red" if health.errors else "")


COLUMNS = (
    Column("traffic", "share", lambda weight, _: Text(percent(weight)), lambda weight, _: weight is not None),
    Column("instances", "n", lambda _, health: Text(count(health.instances or 0)),
           lambda _, health: health.instances is not None),
    Column("requests", "req", lambda _, health: Text(count(health.requests or 0))),
    Column("errors", "err", _errors),
    Column("error rate", "rate", _rate),
    Column("p99", "p99", lambda _, health: Text(milliseconds(health.p99_ms))),
)  # fmt: skip


def weight_bar(weight: float | None, width: int, *, new: bool) -> Text:
    """A share as a bar; any share that isn't 0 has a mark, and only the whole fills it."""
    share = min(max(weight or 0.0, 0.0), 100.0) / 100
    full = 0 if not share else width if share == 1 else min(width - 1, max(1, round(share * width)))
    return Text.assemble(("█" * full, "cyan" if new else "blue"), ("░" * (width - full), "dim"))


def percent(weight: float | None) -> str:
    return "?" if weight is None else f"{weight:.3g} %"


def rate(health: VersionHealth) -> str:
    """Errors by requests; without a request there is none."""
    return f"{100 * health.errors / health.requests:.1f} %" if health.requests else "–"


def milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms" if value < 9_995 else f"{value / 1000:.1f} s"


def count(number: int) -> str:
    """A number with thin groups of three; millions shortened, so that a column stays narrow."""
    return f"{number:,}".replace(",", "\N{THIN SPACE}") if number < 1_000_000 else f"{number / 1_000_000:.1f} M"


def countdown(seconds: float) -> str:
    """0:42, 4:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def step_line(event: StepBegun) -> str:
    weights = ", ".join(f"{short(version)} {percent(weight)}" for version, weight in event.weights.items())
    watched = f"watched for {duration(event.seconds)}" if event.seconds else ""
    aside = "; ".join(part for part in (weights, watched) if part)
    return f"[cyan]▸[/] {literal(event.move)}: {literal(event.step)}" + (
        f" [dim]({literal(aside)})[/]" if aside else ""
    )


def decision_line(decision: Decision) -> str:
    style = VERDICTS.get(decision.verdict, "yellow")
    return (
        f"  [dim]{literal(decision.at[11:19])}[/] [{style}]{literal(decision.verdict)}[/] "
        f"{literal(decision.move)}, {literal(decision.step)}: {literal(decision.why)}"
    )


def watched_words(event: Watched) -> str:
    """One look in one line, for where nothing can be drawn."""
    versions = "; ".join(f"{short(health.version)} {health_words(health)}" for health in event.versions)
    left = f"next step in {countdown(event.seconds_left)}" if event.seconds_left > 0 else ""
    waits = f"waits for {event.waits_for}" if event.waits_for else ""
    firing = ", ".join(f"{name} is {state}" for name, state in event.alarms.items() if state != "OK")
    return literal("; ".join(part for part in (versions, firing, left, waits) if part) or "nothing seen yet")


def health_words(health: VersionHealth) -> str:
    parts = [f"{health.instances} instances"] if health.instances is not None else []
    if health.requests is not None:
        parts += [f"{count(health.requests)} requests", f"{count(health.errors)} errors"]
        parts += [f"p99 {milliseconds(health.p99_ms)}"] if health.p99_ms is not None else []
    return ", ".join(parts) or "not counted"


@dataclass
class DeployApproval:
    """Say what moves, and ask a person; nobody is asked with `yes`, nor where there is no terminal."""

    console: Console
    view: Progress
    yes: bool

    def __call__(self, moves: tuple[Move, ...]) -> bool:
        with self.view.paused():
            for move in moves:
                before, after = short(move.before) or "nothing", short(move.after) or "a new version"
                self.console.note(f"  {literal(move.name)}: {literal(before)} → {literal(after)}", style=None)
            return self.yes or not self.console.can_ask or self.console.confirm("Deploy this?")


def show_deployed(deployed: Deployed, screen: Console) -> None:
    """How it ended, for stdout: what runs now."""
    verb = {"deploy": "deployed", "rollback": "rolled back"}.get(deployed.command, deployed.command)
    if deployed.why:  # nothing had to move
        screen.say(f"[green]✓[/] {literal(deployed.environment)}: {literal(deployed.why)}.")
        return
    screen.say(f"[green]✓[/] {literal(deployed.environment)}: {verb} in {duration(deployed.seconds)}.")
    for move in deployed.moves:
        screen.say(f"  {literal(move.name)} is at [bold]{literal(short(move.after))}[/], before at "
                   f"{literal(short(move.before) or 'nothing')}")  # fmt: skip


def evidence_words(evidence: Mapping[str, Any]) -> str:
    """A decision's evidence in one line: `name value`, nested names joined by dots."""
    return ", ".join(f"{name} {value}" for name, value in _flat(evidence))


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for key, inner in value.items() for pair in _flat(inner, f"{name}.{key}" if name else str(key))]
    if isinstance(value, float):
        return [(name, f"{value:.4g}")]
    return [] if value is None else [(name, str(value))]
