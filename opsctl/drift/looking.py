"""Look at what is really there: environment → Terraform of its own → refresh → findings → authors → report.

Changes nothing and locks nothing. One environment in the caller's thread, or several side by side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from opsctl.config import Config
from opsctl.drift.authors import find_authors
from opsctl.drift.findings import Finding, findings
from opsctl.drift.refreshed import read_refreshed
from opsctl.drift.report import Outcome, Report, Unanswered
from opsctl.environments import planning
from opsctl.environments.ephemeral.copies import parents, registry_of, remembered
from opsctl.environments.events import ignore
from opsctl.environments.locks import locking
from opsctl.environments.lost_cloud import find_lost_cloud
from opsctl.environments.ports import CloudNotRunning, Ports, connect
from opsctl.errors import Interrupted, Locked, OpsctlError
from opsctl.journal import Record
from opsctl.terraform.child import Stop, requests_from_signals

AT_ONCE = 4
"""Environments looked at side by side; each is a Terraform with up to 30 requests under way."""

APPLYING = "apply"
"""In the operation of Terraform's lock ("OperationTypeApply"), a destroy's too. A plan holds it as well."""

APPLYING_COMMANDS = ("up", "down")
"""Commands whose record says that Terraform changed something."""

Reach = Callable[[str], Ports]


class EnvironmentBusy(Locked):
    """Somebody is applying: what Terraform remembers and what is there differ for a good reason."""

    def __init__(self, environment: str, who: str) -> None:
        super().__init__(
            f"{environment} is busy, so nothing can be said about drift. At work: {who}.",
            next=f"Wait until that is done. opsctl status {environment} says whether it still lives.",
        )


class EnvironmentLost(OpsctlError):
    """The local cloud was restarted: everything is gone, which nobody changed by hand."""

    def __init__(self, environment: str) -> None:
        super().__init__(f"{environment} is lost: its local cloud was restarted.", next=f"opsctl up {environment}")


def look(ports: Ports, *, stop: Stop | None = None) -> Report:
    """Which resources were changed outside of Terraform.

    Args:
        stop: shared by several looks, so that one Ctrl-C reaches all.

    Raises:
        EnvironmentBusy, EnvironmentLost, Interrupted, OpsctlError: as its stage says. Nothing was changed.
    """
    begin, now = ports.clock.monotonic(), ports.clock.now().isoformat(timespec="seconds")
    environment = ports.environment
    planning.check_files(environment)
    state = ports.bucket.state() if ports.bucket.exists() else None
    if state is None or not state.resources:
        return Report(environment.name, "absent", now)
    if find_lost_cloud(ports):
        raise EnvironmentLost(environment.name)
    _require_idle(ports)
    terraform = ports.terraform(work=environment.work / "drift")
    if stop is not None:
        terraform.stop = stop
    planning.initialise(ports, terraform)
    plan_file = terraform.work / "drift.tfplan"
    try:
        with ports.stage("terraform refresh") as result:
            terraform.refresh(
                variables_file=environment.variables_file, variables=planning.variables(ports), out=plan_file
            )
            refreshed = read_refreshed(plan_file)
            result(f"{len(refreshed.before)} resources")
    finally:
        plan_file.unlink(missing_ok=True)  # it holds the state's values
    _require_idle(ports)
    newest = ports.bucket.state()
    if newest is None or (newest.serial, newest.lineage) != (state.serial, state.lineage):
        raise EnvironmentBusy(environment.name, "somebody, who stored another state meanwhile")
    found = tuple(_masked(finding, terraform.masked) for finding in findings(refreshed))
    real = tuple(finding for finding in found if finding.is_real)
    report = Report(
        environment.name, "up", now, serial=state.serial, resources=len(refreshed.before), drift=real,
        noise=tuple(finding for finding in found if finding.noise),
    )  # fmt: skip
    if real:
        with ports.stage("who changed it") as result:
            authors = find_authors(ports.aws, real, since=_last_change(ports), clock=ports.clock)
            result(f"{len(authors.by_address)} of {len(real)} known")
        report = replace(report, authors=authors.by_address, unasked=authors.unasked)
    return replace(report, seconds=ports.clock.monotonic() - begin)


def look_everywhere(
    names: Sequence[str], reach: Reach, *, at_once: int = AT_ONCE, stop: Stop | None = None
) -> list[Outcome]:
    """Look at several environments side by side, in the order of `names`; call it in the main thread.

    A signal stops all of them in order.

    Raises:
        Interrupted: after all have stopped.
    """
    stop = stop or Stop()

    def outcome(name: str) -> Outcome:
        if stop.count:
            return Unanswered(name, Interrupted("Interrupted before it was asked."))
        try:
            return look(reach(name), stop=stop)
        except CloudNotRunning:
            return Report(name, "absent", datetime.now(UTC).isoformat(timespec="seconds"))
        except OpsctlError as error:
            return Unanswered(name, error)
        except Exception as error:  # one environment's bug must not hide what the others say
            return Unanswered(name, OpsctlError(f"opsctl met something unforeseen ({type(error).__name__})."))

    with requests_from_signals(stop), ThreadPoolExecutor(at_once, thread_name_prefix="drift") as pool:
        outcomes = list(pool.map(outcome, names))
    if stop.count:
        raise Interrupted(
            "Interrupted: every Terraform that was looking has stopped. Nothing was changed.",
            next="Run the same command again.",
        )
    return outcomes


def every_name(config: Config) -> list[str]:
    """Every environment by name: those of opsctl.toml, each followed by its ephemeral copies. Of a parent that can't
    be asked, the copies that this machine knows."""
    known = {parent.name: parent for parent in parents(config)}

    def family(name: str) -> list[str]:
        try:
            parent = known[name]
            ports = connect(config, parent, on_event=ignore, start=False)
            copies = [copy.name for copy in registry_of(parent, ports).all()]
        except (KeyError, OpsctlError):
            copies = [copy.name for copy in remembered(config).values() if copy.parent == name]
        return [name, *copies]

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="families") as pool:
        return [name for names in pool.map(family, config.environments) for name in names]


def _require_idle(ports: Ports) -> None:
    """Raises EnvironmentBusy while a Terraform that applies holds the state."""
    situation = locking.look(ports)
    if situation and situation.state_lock and APPLYING in situation.state_lock.operation.lower():
        raise EnvironmentBusy(ports.environment.name, situation.holder)


def _last_change(ports: Ports) -> datetime | None:
    """When opsctl last applied something, by its journal. What it only looked at or agreed to hides nobody's change."""
    with contextlib.suppress(OpsctlError, ValueError):
        for record in ports.journal.newest():
            if isinstance(record, Record) and record.entry.command in APPLYING_COMMANDS:
                return datetime.fromisoformat(record.entry.at).astimezone(UTC)
    return None


def _masked(finding: Finding, mask: Callable[[str], str]) -> Finding:
    def shown(text: str | None) -> str | None:
        return None if text is None else mask(text)

    drift = tuple(replace(one, before=shown(one.before), after=shown(one.after)) for one in finding.drift)
    return replace(finding, drift=drift)
