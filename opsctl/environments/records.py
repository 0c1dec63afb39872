"""What a mutating command leaves in the environment's journal, whether it ended well, badly or not at all.

Before a command changes anything it says in the bucket that it begins; its record takes that back. What is found there
later without its command was killed, and is recorded by whoever comes next.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opsctl import __version__
from opsctl.environments.events import Notice
from opsctl.environments.git import read_repository
from opsctl.environments.ports import Ports
from opsctl.errors import Interrupted, OpsctlError
from opsctl.journal import ABANDONED, Begun, Entry
from opsctl.processes import is_alive
from opsctl.terraform.lock import user

if TYPE_CHECKING:
    from opsctl.terraform import Plan

NOT_BEGUN = "it had not begun to change anything"


@contextlib.contextmanager
def recorded(
    ports: Ports, command: str, details: dict[str, Any], *, under_lock: bool = False
) -> Iterator[MutableMapping[str, Any]]:
    """Record `command` when the block ends; what the block adds to the yielded details is recorded with it.

    A record that can't be written never hides the block's own error, and never makes a failure of what is done: it
    waits on this machine, the listener is told so, and the next command appends it.

    Args:
        under_lock: the environment's lock is held, so nobody else can be at work under it.

    Raises:
        AwsError: the state bucket can't be written; the block was not run.
        NotRecorded: the block is done; neither the bucket nor this machine's disk took its record.
    """
    details |= {"from": origin(ports), "opsctl": __version__}
    entry, since = _entry(ports, command, details), ports.clock.monotonic()
    settle_begun(ports, under_lock=under_lock)
    ports.journal.begin(entry, under_lock=under_lock)

    def finish(result: str) -> None:
        _keep(ports, replace(entry, details=dict(details)), result, ports.clock.monotonic() - since)

    try:
        yield details
    except BaseException as error:
        details |= {"error": type(error).__name__}
        if isinstance(error, OpsctlError):  # others' texts may hold values
            details |= {"said": error.what}
        with contextlib.suppress(Exception):
            finish("interrupted" if isinstance(error, Interrupted | KeyboardInterrupt) else "failed")
        raise
    finish("done")


def record_done(
    ports: Ports, command: str, details: dict[str, Any], *, result: str = "done", seconds: float = 0.0
) -> None:
    """Record what is over already: a bootstrap, before which there is no bucket to say anything in; a smoke test."""
    origins = {"from": origin(ports), "opsctl": __version__}
    _keep(ports, _entry(ports, command, details | origins), result, seconds)


def settle_begun(ports: Ports, *, under_lock: bool, outcome: str = "unknown") -> int:
    """Record the commands that began and were killed, unless they wrote their own record, and say how many they were.

    One that worked under the lock is dead when we have that lock; another one when its process here is gone.
    """
    ports.journal.flush()
    dead = [one for one in ports.journal.begun() if (under_lock and one.under_lock) or _is_gone_here(one)]
    for one in dead:
        if ports.journal.find(one.entry.id, one.entry.at):  # it died between its record and taking back that it began
            ports.journal.forget(one)
            continue
        details = dict(one.entry.details) | {
            "since": one.entry.at, "outcome": outcome, "recorded_by": _recorder(ports),
        }  # fmt: skip
        ports.journal.record(replace(one.entry, result=ABANDONED, at=_now(ports), details=details))
    return len(dead)


def record_abandoned(
    ports: Ports, *, command: str, who: str, host: str, since: str, pid: int = 0, why: str = "",
    outcome: str = "unknown",
) -> None:  # fmt: skip
    """Record a command that held the environment's lock and was killed. Call it with that lock taken over.

    What it said when it began is recorded, plan and all, with both identities; nothing if it wrote its own record and
    died after that. One that had not begun to change anything is recorded as such.

    Args:
        who, host, pid, since, why: of the dead command, as its lock has them (`since` is UTC, ISO 8601).
        outcome: what became of its Terraform, in words.
    """
    if settle_begun(ports, under_lock=True, outcome=outcome) or _has_own_record(ports, host, pid, since):
        return
    details = {"since": since, "why": why, "outcome": NOT_BEGUN, "from": {"pid": pid}, "recorded_by": _recorder(ports)}
    ports.journal.record(replace(_entry(ports, command, details), who=who, host=host, at=_now(ports)))


def addresses(plan: Plan) -> dict[str, list[str]]:
    """What a plan creates, updates, replaces and deletes, by address. The journal keeps the first 50 of each."""
    kinds = {"created": plan.created, "updated": plan.updated, "replaced": plan.replaced, "deleted": plan.deleted}
    return {kind: [change.address for change in changes] for kind, changes in kinds.items() if changes}


def origin(ports: Ports, variables: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """From where a command is run: user and process, branch and commit of the sources, CI run.

    Args:
        variables: of this process. Source: GitHub Docs, "Variables reference" (GITHUB_RUN_ID, GITHUB_ACTOR).
    """
    sources = read_repository(ports.environment.stack)
    found = {"user": user(), "pid": os.getpid(), "commit": sources.revision, "branch": sources.branch}
    if (run := run_url(variables)) and "GITHUB_ACTOR" in variables:
        found |= {"ci": run, "actor": variables["GITHUB_ACTOR"]}
    return found


def run_url(environ: Mapping[str, str]) -> str:
    """Where the CI run that we are in can be seen. Source: GitHub Actions, "Default environment variables"."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environ.get(name, "") for name in names)
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""


def _entry(ports: Ports, command: str, details: Mapping[str, Any]) -> Entry:
    return Entry(
        environment=ports.environment.name, command=command, at=_now(ports), who=ports.identity.arn,
        host=socket.gethostname(), result=ABANDONED, seconds=0.0, details=details,
    )  # fmt: skip


def _keep(ports: Ports, entry: Entry, result: str, seconds: float) -> None:
    waits = ports.journal.record(replace(entry, result=result, at=_now(ports), seconds=round(seconds, 1)))
    if waits:
        text = f"The record of this {entry.command} could not be written to the journal; the next command does it."
        ports.on_event(Notice(f"{text} Until then it is in {waits}"))


def _recorder(ports: Ports) -> dict[str, str]:
    return {"who": ports.identity.arn, "host": socket.gethostname(), "user": user()}


def _now(ports: Ports) -> str:
    return ports.clock.now().isoformat(timespec="seconds")


def _is_gone_here(begun: Begun) -> bool:
    pid = begun.entry.details.get("from", {}).get("pid", 0)
    return begun.entry.host == socket.gethostname() and bool(pid) and not is_alive(pid)


def _has_own_record(ports: Ports, host: str, pid: int, since: str) -> bool:
    """Whether that process left a record since it took the lock. Ends at the first record that is older."""
    for record in ports.journal.newest():
        entry = getattr(record, "entry", None)
        if entry and entry.at < since[:19]:
            return False
        if entry and pid and (entry.host, entry.details.get("from", {}).get("pid")) == (host, pid):
            return True
    return False
