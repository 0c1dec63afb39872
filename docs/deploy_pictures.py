"""docs/deploys/*.svg: what real deploys did, drawn from their recordings (`opsctl deploy … --record FILE`).

    python -m docs.deploy_pictures [--record]

Each docs/deploys/NAME.jsonl becomes NAME.svg: the steps, the share of each version over time, its error rate and p99,
the alarms, and what was decided when. `make docs` does it too; a test fails when a picture is older than its recording.

With --record the functions' recordings are made anew first, in a project of their own (minutes). The service's and the
page's come from an environment that is up: opsctl deploy service local --record docs/deploys/service.jsonl
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from opsctl.deploy.recording import read_recording
from opsctl.files import write_atomically

FOLDER = Path(__file__).parent / "deploys"
WIDTH, LEFT, RIGHT = 860, 96, 24
PLOT = WIDTH - LEFT - RIGHT
LETTER = 6.4
"""About as wide as a letter of the small text is, in pixels."""
STYLE = """
:root { --card: #ffffff; --edge: #d0d7de; --text: #1f2328; --dim: #59636e; --grid: #e4e8ec;
  --old: #4c78a8; --new: #e8811a; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --card: #161b22; --edge: #30363d; --text: #e6edf3; --dim: #9198a1;
  --grid: #262c35; --old: #79a8d9; --new: #f0a04b; --good: #3fb950; --bad: #f85149; --open: #d29922; } }
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: var(--text); }
.title { font-size: 15px; font-weight: 600; } .dim { fill: var(--dim); } .small { font-size: 11px; }
.right { text-anchor: end; } .middle { text-anchor: middle; } .on { fill: var(--card); font-weight: 600; }
.card { fill: var(--card); stroke: var(--edge); } .grid { stroke: var(--grid); } .step { fill: var(--grid); }
.mark { stroke-dasharray: 3 3; } .line { fill: none; stroke-width: 2; }
.old.area { fill: var(--old); opacity: .75; } .new.area { fill: var(--new); opacity: .85; }
.old.line { stroke: var(--old); } .new.line { stroke: var(--new); }
.old.words { fill: var(--old); } .new.words { fill: var(--new); }
.good { fill: var(--good); } .bad { fill: var(--bad); } .open { fill: var(--open); }
.good.mark { stroke: var(--good); } .bad.mark { stroke: var(--bad); } .open.mark { stroke: var(--open); }
"""
RUNS = {
    "canary": ("good", "canary:10%:5m"), "canary-returned": ("some errors", "canary:10%:5m"),
    "linear": ("good", "linear:20%:3m"), "linear-returned": ("memory", "linear:20%:3m"),
    "all-at-once": ("good", "all-at-once"), "all-at-once-returned": ("slow", "all-at-once"),
}  # fmt: skip
"""Picture → the kind of the new version (benchmarks/greeting.py) and the strategy."""
VERDICTS = {"advance": "good", "promote": "good", "return": "bad"}
ALARMS = {"OK": "good", "ALARM": "bad", "INSUFFICIENT_DATA": "open"}
Points = Sequence[tuple[float, float]]


@dataclass
class Run:
    """A recording, read for drawing: times in seconds since it began.

    Attributes:
        deploy: as it was at the end.
        steps: (since, step) in order.
        shares, errors, p99, instances: role ("old" or "new") → (time, value) in order; empty where nothing was counted.
        alarms: (since, worst state).
        decisions: (time, decision), the way back among them as verdict "return".
    """

    deploy: Mapping[str, Any]
    outcome: str
    seconds: float
    before: str
    after: str
    steps: list[tuple[float, str]] = field(default_factory=list)
    shares: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"old": [], "new": []})
    errors: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"old": [], "new": []})
    p99: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"old": [], "new": []})
    instances: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"old": [], "new": []})
    alarms: list[tuple[float, str]] = field(default_factory=list)
    decisions: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)


def read_run(events: Sequence[Mapping[str, Any]]) -> Run:
    """What is drawn of a recording. Of a deploy of several things: all steps, and the figures of the last one."""
    last = [event for event in events if "deploy" in event][-1]["deploy"]
    move = last["moves"][last["position"]]
    ended = events[-1]
    run = Run(last, ended.get("outcome", "killed"), ended["at"], move["before"], move["after"])
    role = {move["after"]: "new", move["before"]: "old"}
    for event in events:
        at = event["at"]
        match event["event"]:
            case "StepBegun":
                run.steps.append((at, event["step"]))
                _put(run.shares, at, event, move, role)
            case "Watched":
                _put(run.shares, at, event, move, role)
                _watched(run, at, event, move, role)
            case "Decided":
                run.decisions.append((at, event["decision"]))
            case "ReturnBegun" if not any(decision["verdict"] == "return" for _, decision in run.decisions):
                run.decisions.append((at, {"verdict": "return", "step": run.steps[-1][1] if run.steps else "",
                                           "why": event["why"]}))  # fmt: skip
    return run


def _put(
    shares: dict[str, list[tuple[float, float]]], at: float, event: Mapping[str, Any], move: Mapping[str, Any],
    role: Mapping[str, str],
) -> None:  # fmt: skip
    if event["move"]["name"] != move["name"] or not event["weights"]:
        return
    for name, points in shares.items():
        share = sum(float(weight) for version, weight in event["weights"].items() if role.get(version) == name)
        points.append((at, share))


def _watched(run: Run, at: float, event: Mapping[str, Any], move: Mapping[str, Any], role: Mapping[str, str]) -> None:
    if event["alarms"]:
        run.alarms.append((at, min(event["alarms"].values(), key=_gravity)))
    if event["move"]["name"] != move["name"]:
        return
    for health in event["versions"]:
        name = role.get(health["version"])
        if name is None:
            continue
        if health["requests"]:
            run.errors[name].append((at, 100 * health["errors"] / health["requests"]))
        if health["p99_ms"] is not None:
            run.p99[name].append((at, health["p99_ms"]))
        if health["instances"] is not None:
            run.instances[name].append((at, health["instances"]))


def _gravity(state: str) -> int:
    return ("ALARM", "INSUFFICIENT_DATA", "OK").index(state) if state in ALARMS else 1


class Drawing:
    """An SVG that grows downwards."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(seconds, 0.1)
        self.parts: list[str] = []
        self.y = 0.0

    def x(self, at: float) -> float:
        return LEFT + PLOT * min(max(at / self.seconds, 0.0), 1.0)

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, kind: str, *, round: float = 0) -> None:
        size = f'width="{max(width, 0):.1f}" height="{height:.1f}"'
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} rx="{round}" class="{kind}"/>')

    def path(self, points: Iterable[tuple[float, float]], kind: str, *, closed: bool = False) -> None:
        d = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points) + (" Z" if closed else "")
        self.parts.append(f'<path d="{d}" class="{kind}"/>')

    def rule(self, y: float) -> None:
        self.path([(LEFT, y), (LEFT + PLOT, y)], "grid")

    def svg(self, label: str) -> str:
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.y:.0f}" role="img" '
            f'aria-label="{escape(label, {chr(34): "&quot;"})}">\n<style>{STYLE}</style>\n'
            f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{self.y - 1:.0f}" rx="8" class="card"/>\n{body}\n</svg>\n'
        )


def draw(run: Run) -> str:
    """The picture of a run, as SVG."""
    paper = Drawing(run.seconds)
    things = ", ".join(move["name"] for move in run.deploy["moves"])
    ended = "taken back" if run.outcome == "returned" else run.outcome
    title = f"{run.deploy['command']} of {things}, {run.deploy['strategy']}: {ended} after {run.seconds:.0f} s"
    paper.text(20, 30, title, "title")
    paper.text(20, 49, f"{run.before[:12] or 'nothing'} now", "old words")
    paper.text(20 + 9 + LETTER * (len(run.before[:12]) + 8), 49, f"{run.after[:12]} new", "new words")
    paper.y = 66
    strip(paper, "step", [(at, step, "step") for at, step in run.steps])
    top = paper.y
    if run.shares["new"]:
        shares(paper, run)
    curves(paper, "instances", run.instances, lambda value: f"{value:.0f}", stepped=True)
    curves(paper, "errors", run.errors, lambda value: f"{value:.0f} %", least=5)
    curves(paper, "p99", run.p99, lambda value: f"{value:.0f} ms" if value < 10_000 else f"{value / 1000:.0f} s")
    if run.alarms:
        changes = [run.alarms[0], *(after for before, after in pairwise(run.alarms) if after[1] != before[1])]
        strip(paper, "alarms", [(at, state, ALARMS.get(state, "open")) for at, state in changes], filled=True)
    time_axis(paper)
    decisions(paper, run, top)
    return paper.svg(title)


def strip(paper: Drawing, name: str, spans: list[tuple[float, str, str]], *, filled: bool = False) -> None:
    """A row of spans, each until the next one begins; its words where there is room."""
    if not spans:
        return
    y = paper.y
    paper.text(LEFT - 10, y + 14, name, "dim right")
    for at, (since, words, kind) in enumerate(spans):
        until = spans[at + 1][0] if at + 1 < len(spans) else paper.seconds
        x, width = paper.x(since), paper.x(until) - paper.x(since)
        paper.box(x, y, width - 1.5, 20, kind, round=3)
        if room := int((width - 8) / LETTER):
            shown = words if len(words) <= room else f"{words[: room - 1]}…" if room > 3 else ""
            paper.text(x + 5, y + 14, shown, "small on" if filled else "small")
    paper.y = y + 34


def shares(paper: Drawing, run: Run) -> None:
    """How the traffic (or the instances) is split: what runs now below, the new one above it."""
    height, top = 110, paper.y
    bottom = top + height
    for share in (0, 50, 100):
        paper.rule(bottom - height * share / 100)
        paper.text(LEFT - 10, bottom - height * share / 100 + 4, f"{share} %", "dim small right")
    paper.text(20, top + height * 0.3, "share", "dim")
    old = staircase(run.shares["old"], run.seconds)
    together = zip(run.shares["old"], run.shares["new"], strict=True)
    both = staircase([(at, share + new) for (at, share), (_, new) in together], run.seconds)

    def place(points: Points) -> list[tuple[float, float]]:
        return [(paper.x(at), bottom - height * share / 100) for at, share in points]

    floor = [(paper.x(old[-1][0]), bottom), (paper.x(old[0][0]), bottom)]
    paper.path([*place(old), *floor], "old area", closed=True)
    paper.path([*place(both), *reversed(place(old))], "new area", closed=True)
    paper.y = bottom + 22


def curves(
    paper: Drawing, name: str, figures: Mapping[str, Points], say: Callable[[float], str], *, least: float = 0,
    stepped: bool = False,
) -> None:  # fmt: skip
    """A line for each version; nothing where nothing was counted."""
    values = [value for points in figures.values() for _, value in points]
    if not values:
        return
    height, top = 62, paper.y
    bottom, most = top + height, max(*values, least, 1e-9) * 1.1
    for value in (0.0, most / 1.1):
        paper.rule(bottom - height * value / most)
        paper.text(LEFT - 10, bottom - height * value / most + 4, say(value), "dim small right")
    paper.text(20, top + height / 2 + 4, name, "dim")
    for role, points in figures.items():
        line = staircase(points, points[-1][0]) if stepped and points else points
        if line:
            placed = [(paper.x(at), bottom - height * value / most) for at, value in line]
            paper.path(placed if len(placed) > 1 else [*placed, (placed[0][0] + 2, placed[0][1])], f"{role} line")
    paper.y = bottom + 22


def staircase(points: Points, until: float) -> list[tuple[float, float]]:
    """The corners of values that hold until the next one."""
    corners = []
    for (at, value), (following, _) in pairwise([*points, (max(until, points[-1][0]), points[-1][1])]):
        corners += [(at, value), (following, value)]
    return corners


def time_axis(paper: Drawing) -> None:
    """Seconds, at round distances."""
    every = next(step for step in (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1e9) if paper.seconds / step <= 12)
    for number in range(int(paper.seconds / every) + 1):
        paper.text(paper.x(number * every), paper.y + 6, f"{number * every:g}", "dim small middle")
    paper.text(LEFT - 10, paper.y + 6, "seconds", "dim small right")
    paper.y += 18


def decisions(paper: Drawing, run: Run, top: float) -> None:
    """A line down the picture for each decision, and its words below."""
    bottom = paper.y - 16
    for number, (at, decision) in enumerate(run.decisions, 1):
        kind, x = VERDICTS.get(decision["verdict"], "open"), paper.x(at)
        paper.path([(x, top), (x, bottom)], f"{kind} mark")
        paper.parts.append(f'<circle cx="{x:.1f}" cy="{top:.1f}" r="8" class="{kind}"/>')
        paper.text(x, top + 4, str(number), "small middle on")
    paper.y += 8
    for number, (at, decision) in enumerate(run.decisions, 1):
        kind = VERDICTS.get(decision["verdict"], "open")
        paper.parts.append(f'<circle cx="28" cy="{paper.y + 2:.1f}" r="8" class="{kind}"/>')
        paper.text(28, paper.y + 6, str(number), "small middle on")
        words = f"{at:.1f} s, {decision['step']}, {decision['verdict']}: {decision['why']}"
        for line in textwrap.wrap(words, int((WIDTH - 44 - RIGHT) / LETTER)):
            paper.text(44, paper.y + 6, line, "small")
            paper.y += 16
        paper.y += 6
    paper.y += 8


def pictures() -> dict[Path, str]:
    """Each picture as its recording makes it."""
    return {
        file.with_suffix(".svg"): draw(read_run(read_recording(file))) for file in sorted(FOLDER.glob("*.jsonl"))
    }  # fmt: skip


def renew() -> None:
    for file, svg in pictures().items():
        write_atomically(file, svg)


def record() -> None:
    """Deploy good and bad versions of a function that is called all the time, and keep what was seen."""
    from benchmarks.greeting import greeting_project

    with greeting_project() as project, project.callers() as callers:
        callers.wait_for(50)
        for name, (kind, strategy) in RUNS.items():
            project.write(kind)
            project.deploy(strategy, "--bake", "4m", record=FOLDER / f"{name}.jsonl")


if __name__ == "__main__":
    if "--record" in sys.argv:
        record()
    renew()
