"""Run checks: independent ones in parallel, each within its budget, each cleaning up after itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError, UsageError, did_you_mean
from opsctl.smoke.check import Check, CheckFailed, CheckStopped, Report, Result, Status, Trial, unforeseen
from opsctl.smoke.checks import CHECKS
from opsctl.smoke.edge import Edge
from opsctl.smoke.target import SmokeTarget
from opsctl.smoke.visitor import Visitor


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
    possible = [check for check in checks if target.aws.access.is_local or not check.local_only]
    chosen = choose(possible, only=only, tags=tags)
    clock = clock or SystemClock()
    started_at, begun = clock.now(), clock.monotonic()
    edge = Edge.of(target)
    visitor = Visitor(target, edge)
    stop = threading.Event()

    def run_one(check: Check) -> Result:
        on_event(CheckStarted(check))
        result = run_check(check, target, edge=edge, clock=clock, stop=stop, visitor=visitor)
        on_event(CheckEnded(check, result))
        return result

    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="smoke") as pool:
        tasks = [pool.submit(run_one, check) for check in chosen]
        try:
            results = tuple(task.result() for task in tasks)
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        finally:
            visitor.leave()
    return Report(target.environment, started_at, clock.monotonic() - begun, results)


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
        message = f"{error.what} {error.where}".strip()
    except Exception as error:  # what one check did not foresee must not silence the others
        message = unforeseen(error)
    finally:
        seconds = trial.seconds
        left = trial.clean_up()
    if left:
        message = f"{message}{'; ' if message else ''}left behind: {', '.join(left)}"
    return Result(
        name=check.name,
        status=Status.FAILED if message else Status.PASSED,
        seconds=seconds,
        message=message,
        evidence=trial.evidence,
        proves=check.proves,
        runbook=check.runbook,
    )


def _know(given: set[str], known: set[str], kind: str) -> None:
    for name in sorted(given - known):
        raise UnknownCheck(
            f"There is no {kind} {name!r}.{did_you_mean(name, sorted(known))}",
            next=f"Known: {', '.join(sorted(known))}.",
        )
