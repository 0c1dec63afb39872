"""A Terraform whose opsctl died (SIGKILL, power, the machine's session): it goes on by itself, and the next command on
this machine takes over its outcome. `Terraform` does the taking over; here is what can be read without changing
anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from opsctl.terraform.events import ApplyComplete, ChangeSummary, Diagnostic, Note, parse_event
from opsctl.terraform.run_record import Run, read_run

GONE = 0
"""Stands for the exit status of a process that is not our child: it can't be known."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended, as its log tells.

    Attributes:
        result: "interrupted" also where the log just stops: it was killed, or it is still at work.
        added, changed, destroyed: resources; of a run that did not get to its end, those that it had finished.
        error: the first error's summary, or "".
        ended_at: time of its last word, UTC, ISO 8601; "" where it said nothing.
    """

    result: Literal["done", "failed", "interrupted"]
    added: int = 0
    changed: int = 0
    destroyed: int = 0
    error: str = ""
    ended_at: str = ""


@dataclass(frozen=True)
class LeftBehind:
    """A Terraform that was started by an opsctl that is gone.

    Attributes:
        command: init, plan, apply or destroy.
        pid, opsctl_pid: of Terraform and of the opsctl that started it.
        started_at: UTC, ISO 8601.
        still_runs: it is still at work; `outcome` is then what it has done so far.
    """

    command: str
    pid: int
    opsctl_pid: int
    started_at: str
    log: Path
    still_runs: bool
    outcome: Outcome


@dataclass(frozen=True)
class Adopted(Note):
    """A command took over the outcome of a run that had been left behind. Delivered before the run is forgotten: at
    least once, and seldom twice (`log` tells them apart)."""

    command: str
    pid: int
    opsctl_pid: int
    started_at: str
    log: Path
    outcome: Outcome


@dataclass(frozen=True)
class Orphan:
    """A process that is not our child: it can be watched, not waited for."""

    run: Run

    @property
    def pid(self) -> int:
        return self.run.pid

    def poll(self) -> int | None:
        return None if self.run.is_alive else GONE


def left_behind(work: Path) -> LeftBehind | None:
    """What an opsctl that died left running, or ended and not yet taken over, in an environment's work folder.

    None while the opsctl that started it lives. Changes nothing; `outcome.error` is left out, since the log of such a
    run still holds secrets.
    """
    run = read_run(work)
    if run is None or run.ended_at or run.opsctl_is_alive:
        return None
    still_runs, log = run.is_alive, Path(run.log)  # in this order: what ends meanwhile has said all
    try:
        said = log.read_text(errors="replace")
    except OSError:
        said = ""
    outcome = replace(outcome_of(run.command, said.splitlines()), error="")
    return LeftBehind(run.command, run.pid, run.opsctl_pid, run.started_at, log, still_runs, outcome)


def outcome_of(command: str, lines: Iterable[str]) -> Outcome:
    """How a run ended, from the lines of its log."""
    events, last = [], ""
    for line in lines:
        events.append(parse_event(line))
        last = _time_of(line) or last
    summaries = [e for e in events if isinstance(e, ChangeSummary) and (e.operation == "plan") == (command == "plan")]
    errors = [e.summary for e in events if isinstance(e, Diagnostic) and e.is_error]
    finished = bool(summaries) or (command == "init" and any(e.message.startswith(INITIALIZED) for e in events))
    asked_to_stop = any(e.message.lstrip().startswith(STOPPING) for e in events)
    done = [e.action for e in events if isinstance(e, ApplyComplete)]
    counts = (
        (summaries[-1].add, summaries[-1].change, summaries[-1].remove)
        if summaries
        else (done.count("create"), done.count("update"), done.count("delete"))
    )
    result: Literal["done", "failed", "interrupted"] = (
        "done" if finished and not errors else "failed" if errors and not asked_to_stop else "interrupted"
    )
    return Outcome(result, *counts, error=errors[0] if errors else "", ended_at=last)


INITIALIZED = "Terraform has been successfully initialized"
STOPPING = ("Stopping operation...", "Interrupt received", "Two interrupts received")


def following(run: Run) -> str:
    """What is said before a run that was left behind is followed to its end."""
    what = f"terraform {run.command} of an opsctl that died (process {run.pid}, since {run.started_at[11:16]} UTC)"
    if run.command == "plan":
        return f"{what} is still at work: stopping it, since nobody waits for its plan"
    return f"{what} is still at work: following it"


def adopted(run: Run, outcome: Outcome) -> Adopted:
    """The event, with its sentence."""
    counts = f"{outcome.added} added, {outcome.changed} changed, {outcome.destroyed} destroyed"
    how = {"done": "is done", "failed": f"failed ({outcome.error})", "interrupted": "was cut off"}[outcome.result]
    message = f"An earlier terraform {run.command} ended without its opsctl: it {how}" + (
        f"; {counts}" if run.command in ("apply", "destroy") else ""
    )
    return Adopted(message, run.command, run.pid, run.opsctl_pid, run.started_at, Path(run.log), outcome)


def _time_of(line: str) -> str:
    try:
        return datetime.fromisoformat(json.loads(line)["@timestamp"]).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, KeyError, TypeError):
        return ""
