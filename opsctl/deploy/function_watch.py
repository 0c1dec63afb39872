"""Watch a step of a function's deploy until something is wrong with it, or nothing is and it has been seen long enough.

A look that could not see (a throttled call, no answer) is noted and looked at again later; it never decides. What was
not seen for longer than the patience does: missing data is not health.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.deploy.deploying import AtWork
from opsctl.deploy.events import VersionHealth, Watched
from opsctl.deploy.exercise import Exercise
from opsctl.deploy.function_health import alarm_states, alone, samples
from opsctl.deploy.function_versions import Function
from opsctl.deploy.judgement import Limits, Sample, what_is_wrong
from opsctl.deploy.strategy import Step

ALARM = "ALARM"
EXERCISE_SECONDS = 60.0
"""An exercise makes its requests in real time, whatever a local deploy's clock says: so long it may take for them."""
PRE_TRAFFIC = "pre-traffic"
"""The step before the first shift, and the exercise with its questions: wrong answers to those decide."""


@dataclass(frozen=True)
class Watching:
    """What a step is judged by.

    Attributes:
        limits: with `max_p99_ms` filled in.
        baseline: what the version before did until the deploy; the other side of the comparison where the new version
            has all of the traffic.
        alarms: names; none of them was in ALARM when the deploy began.
        checks: smoke checks that must go on passing.
        exercise: smoke checks that are repeated just for their traffic.
    """

    limits: Limits
    baseline: Sample
    alarms: Sequence[str] = ()
    checks: Sequence[str] = ()
    exercise: Sequence[str] = ()


@dataclass(frozen=True)
class Verdict:
    """How a step was seen to go. `why` is empty when it may go on."""

    why: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class _Look:
    """Once at everything; None: it could not be seen."""

    versions: tuple[Sample, Sample] | None
    alarms: Mapping[str, str] | None
    notes: tuple[str, ...] = ()

    @property
    def is_blind(self) -> bool:
        return self.versions is None or self.alarms is None


@dataclass
class _Seen:
    """What is known of a step so far; figures that could not be seen this time stay those of the look before."""

    new: Sample = field(default_factory=Sample)
    old: Sample = field(default_factory=Sample)
    alarms: Mapping[str, str] = field(default_factory=dict)
    looks: int = 0
    blind_looks: int = 0
    blind_since: float | None = None

    def take(self, look: _Look, at: float) -> None:
        self.looks += 1
        if look.versions:
            self.new, self.old = look.versions
        if look.alarms is not None:
            self.alarms = look.alarms
        self.blind_looks += look.is_blind
        self.blind_since = (at if self.blind_since is None else self.blind_since) if look.is_blind else None


def watch(
    at_work: AtWork, function: Function, step: Step, weights: Mapping[str, float], watching: Watching,
    exercise: Exercise,
) -> Verdict:  # fmt: skip
    """Look at each poll until the step is decided.

    Args:
        weights: old and new version → percent.
        exercise: repeats the checks; not begun yet.

    Raises:
        ReturnNeeded: somebody asked for the way back.
    """
    clock, scale, limits = at_work.ports.clock, at_work.time_scale, watching.limits
    seconds, patience = step.seconds / scale, limits.patience_seconds / scale
    if watching.exercise:
        patience = max(patience, EXERCISE_SECONDS)
    since, begun, seen = _own_minutes(at_work), clock.monotonic(), _Seen()
    looks = math.ceil((seconds + patience) / at_work.poll_seconds)
    exercise.begin()
    try:
        while True:
            at_work.pause()
            look, elapsed = _look(at_work, function, watching, since), clock.monotonic() - begun
            seen.take(look, elapsed)
            time_is_over = elapsed >= seconds
            has_sample = seen.new.requests >= limits.minimum_requests
            if time_is_over and has_sample and (exercise.rounds or not watching.checks):
                exercise.end()
            waits_for = _missing(seen, look, watching, exercise, time_is_over)
            last = time_is_over and not waits_for
            why = _wrong(seen, watching, exercise, step, looks=looks, last=last)
            blind = 0.0 if seen.blind_since is None else elapsed - seen.blind_since
            impatient = elapsed >= seconds + patience or blind >= patience
            only_checks = not look.is_blind and has_sample and exercise.is_under_way
            if not why and not last and impatient and not only_checks:
                why = f"nobody can tell whether it is good: {waits_for or 'nothing could be seen'}"
            at_work.tell(_watched(at_work, step, weights, seen, seconds - elapsed, waits_for, look.notes))
            if why or last:
                return Verdict(why, _evidence(seen, step, watching, exercise, elapsed))
    finally:
        exercise.end()


def _own_minutes(at_work: AtWork) -> datetime:
    """From when on all requests are this step's: CloudWatch rounds the begin of a window down to the minute, the local
    cloud to the second. Source: GetMetricData, API reference (StartTime).
    """
    now = at_work.ports.clock.now()
    return now if at_work.ports.environment.is_local else now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _look(at_work: AtWork, function: Function, watching: Watching, since: datetime) -> _Look:
    move, aws, notes = at_work.deploy.move, at_work.ports.aws, []
    versions = alarms = None
    try:
        new, old, everything = samples(
            aws, function.full_name, (move.after, move.before, ""), since=since, now=at_work.ports.clock.now()
        )
        versions = (new, old, everything)
    except AwsError as error:
        notes.append(f"figures: {error.what}")
    try:
        alarms = alarm_states(aws, watching.alarms) if watching.alarms else {}
    except AwsError as error:
        notes.append(f"alarms: {error.what}")
    if gone := sorted(set(watching.alarms) - set(alarms)) if alarms is not None else []:
        notes.append(f"there is no alarm {', '.join(gone)} any more")
    if versions is None:
        return _Look(None, alarms, tuple(notes))
    return _Look(_told_apart(at_work, *versions), alarms, tuple(notes))


def _told_apart(at_work: AtWork, new: Sample, old: Sample, everything: Sample) -> tuple[Sample, Sample]:
    only_one = at_work.deploy.settings.get("percent") == 100
    return (alone(new, everything) if only_one and not old.requests else new), old


def _missing(seen: _Seen, look: _Look, watching: Watching, exercise: Exercise, time_is_over: bool) -> str:
    """What the step waits for beside its time, in words."""
    minimum = watching.limits.minimum_requests
    if look.versions is None:
        return "CloudWatch's figures"
    if look.alarms is None:
        return "the states of its alarms"
    if seen.new.requests < minimum:
        return f"{seen.new.requests} of {minimum} requests"
    if watching.checks and not exercise.rounds:
        return exercise.could_not or "the first round of its checks"
    return "the end of its checks" if watching.checks and time_is_over and not exercise.is_over else ""


def _wrong(seen: _Seen, watching: Watching, exercise: Exercise, step: Step, *, looks: int, last: bool) -> str:
    failed = {name: message for name, message in exercise.failures.items() if name in (*watching.checks, PRE_TRAFFIC)}
    if failed:
        return "; ".join(f"the check {name} failed: {message}" for name, message in failed.items())
    if firing := sorted(name for name, state in seen.alarms.items() if state == ALARM):
        return f"{', '.join(firing)} went to ALARM"
    # With all of the traffic there is no old version beside it: it is compared with what that did before.
    old = watching.baseline if step.percent == 100 else seen.old
    return what_is_wrong(seen.new, old, watching.limits, looks=looks, last=last)


def _watched(
    at_work: AtWork, step: Step, weights: Mapping[str, float], seen: _Seen, left: float, waits_for: str,
    notes: Sequence[str],
) -> Watched:  # fmt: skip
    move = at_work.deploy.move
    versions = tuple(
        VersionHealth(number, sample.requests, sample.errors, sample.p99_ms)
        for number, sample in ((move.before, seen.old), (move.after, seen.new))
    )
    return Watched(move, str(step), weights, versions, seen.alarms, max(0.0, left), waits_for, "; ".join(notes))


def _evidence(
    seen: _Seen, step: Step, watching: Watching, exercise: Exercise, elapsed: float
) -> dict[str, Any]:  # fmt: skip
    names = ", ".join([*watching.checks, *watching.exercise])
    failed = "; ".join(f"{name}: {message}" for name, message in exercise.failures.items())
    return {
        "percent": step.percent, "seconds": round(elapsed, 1), "looks": seen.looks, "blind_looks": seen.blind_looks,
        "new": seen.new.evidence(), "old": seen.old.evidence(), "baseline": watching.baseline.evidence(),
        "alarms": dict(seen.alarms),
    } | ({"checks": names, "rounds": exercise.rounds, "failed": failed} if names else {})  # fmt: skip


def with_own_limit(limits: Limits, default_ms: float) -> Limits:
    """The limits, the longest p99 filled in."""
    return replace(limits, max_p99_ms=limits.max_p99_ms or default_ms)
