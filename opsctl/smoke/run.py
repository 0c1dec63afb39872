"""Run checks: independent ones in parallel, each within its budget, each cleaning up after itself."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError, UsageError, did_you_mean
from opsctl.smoke.check import (
    CLEAN_UP_SECONDS,
    Check,
    CheckFailed,
    CheckStopped,
    Report,
    Result,
    Status,
    Trial,
    unforeseen,
)
from opsctl.smoke.checks import CHECKS
from opsctl.smoke.edge import Edge
from opsctl.smoke.target import SmokeTarget
from opsctl.smoke.visitor import Visitor
from opsctl.terraform.masking import MASK, Masker

TOKEN = re.compile(r"\beyJ[\w-]*\.[\w-]+\.[\w-]*")
"""A JSON Web Token: base64 of `{"`, and two more parts."""


class UnknownCheck(UsageError):
    """There is no check of that name or tag."""


@dataclass(frozen=True)
class CheckStarted:
    check: Check


@dataclass(frozen=True)
class CheckEnded:
    check: Check
    result: Result


Listener = Callable[[CheckStarted | CheckEnded], None]


def check_names() -> list[str]:
    """Names of all checks, in the order in which they are reported."""
    return [check.name for check in CHECKS]


def tag_names() -> list[str]:
    """Every tag that a check bears."""
    return sorted({tag for check in CHECKS for tag in check.tags})


def possible(checks: Sequence[Check], target: SmokeTarget) -> list[Check]:
    """The checks that can be run there: from outside only some, and some only where nobody is disturbed."""
    if not target.inside:
        return [check for check in checks if check.outside and not check.local_only]
    return [check for check in checks if target.aws.access.is_local or not check.local_only]


def checks_for(target: SmokeTarget, *, only: Iterable[str] = (), tags: Iterable[str] = ()) -> list[Check]:
    """The checks that are wanted of this target; see `choose`.

    Raises:
        UnknownCheck: also for one that can't be run there.
    """
    only, found = list(only), possible(CHECKS, target)
    missing = {name for name in only if name in check_names()} - {check.name for check in found}
    for name in sorted(missing):
        why = "runs in the local cloud alone" if target.inside else "needs more than an address"
        raise UnknownCheck(f"{name} {why}.", next=f"Known here: {', '.join(check.name for check in found)}.")
    return choose(found, only=only, tags=tags)


def choose(checks: Sequence[Check], *, only: Iterable[str] = (), tags: Iterable[str] = ()) -> list[Check]:
    """The checks that are named or bear one of the tags; all of them when neither is given.

    Raises:
        UnknownCheck: a name or a tag that no check has.
    """
    names, wanted = set(only), set(tags)
    _know(names, {check.name for check in checks}, "check")
    _know(wanted, {tag for check in checks for tag in check.tags}, "tag")
    return [check for check in checks if not (names or wanted) or check.name in names or check.tags & wanted]


def run(
    target: SmokeTarget,
    *,
    only: Iterable[str] = (),
    tags: Iterable[str] = (),
    checks: Sequence[Check] = CHECKS,
    concurrency: int = 8,
    clock: Clock | None = None,
    on_event: Listener = lambda _: None,
) -> Report:
    """Prove an environment through its edge.

    On KeyboardInterrupt the checks are asked to stop, they clean up, and the interrupt goes on.

    Args:
        on_event: called from several threads.

    Raises:
        UnknownCheck: nothing was run.
    """
    chosen = choose(possible(checks, target), only=only, tags=tags)
    clock = clock or SystemClock()
    started_at, begun = clock.now(), clock.monotonic()
    edge = Edge.of(target)
    visitor = Visitor(target, edge)
    stop = threading.Event()

    def run_one(check: Check) -> Result:
        on_event(CheckStarted(check))
        at = clock.monotonic() - begun
        result = replace(run_check(check, target, edge=edge, clock=clock, stop=stop, visitor=visitor), begun=at)
        on_event(CheckEnded(check, result))
        return result

    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="smoke") as pool:
        # What may take longest begins first: nothing long is left for the end.
        tasks = {
            check.name: pool.submit(run_one, check)
            for check in sorted(chosen, key=lambda check: check.budget_seconds, reverse=True)
        }
        try:
            results = tuple(tasks[check.name].result() for check in chosen)
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        finally:
            left = _left_of(visitor)
    if left:
        result = Result(LEAVING.name, Status.FAILED, 0.0, left, {}, LEAVING.proves, "", clock.monotonic() - begun)
        on_event(CheckEnded(LEAVING, result))
        results = (*results, result)
    return Report(target.environment, started_at, clock.monotonic() - begun, results)


LEAVING = Check("clean-up", "The run's own user is removed at its end.", lambda trial: None, CLEAN_UP_SECONDS)
"""No check of its own: it is told when it fails, so that no result is lost by it."""


def _left_of(visitor: Visitor) -> str:
    """Remove the run's user; says what is left when that fails."""
    try:
        visitor.leave()
    except OpsctlError as error:
        return f"left behind: the user ({error.what})"
    return ""


def run_check(
    check: Check, target: SmokeTarget, *, edge: Edge, clock: Clock, stop: threading.Event, visitor: Visitor
) -> Result:
    """Run one check, and undo what it did however it ended.

    A check fails by what it saw, by an error of its tools, by its budget, or by what it could not clean up.
    """
    trial = Trial(target, edge, clock, check.budget_seconds, stop, visitor)
    message = ""
    try:
        trial.evidence |= check.function(trial) or {}
        if trial.seconds_left < 0:
            message = f"passed, but took longer than its {check.budget_seconds:g} s"
    except CheckFailed as failure:
        message = str(failure)
    except CheckStopped:
        message = "stopped before it ended"
    except OpsctlError as error:
        message = " ".join(filter(None, (error.what, error.where, error.next)))
    except Exception as error:  # what one check did not foresee must not silence the others
        message = unforeseen(error)
    finally:
        seconds = trial.seconds
        left = trial.clean_up()
    if left:
        message = f"{message}{'; ' if message else ''}left behind: {', '.join(left)}"
    known = Masker([target.api_key, visitor.known_token])
    return Result(
        name=check.name,
        status=Status.FAILED if message else Status.PASSED,
        seconds=seconds,
        message=_without_secrets(message, known),
        evidence=json.loads(_without_secrets(json.dumps(trial.evidence, default=str, skipkeys=True), known)),
        proves=check.proves,
        runbook=check.runbook,
    )


def _without_secrets(text: str, known: Masker) -> str:
    """Reports are kept and sent around: what a check saw may hold a key or a token."""
    return TOKEN.sub(MASK, known(text))


def _know(given: set[str], known: set[str], kind: str) -> None:
    for name in sorted(given - known):
        raise UnknownCheck(
            f"There is no {kind} {name!r}.{did_you_mean(name, sorted(known))}",
            next=f"Known: {', '.join(sorted(known))}.",
        )
