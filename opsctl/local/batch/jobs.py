"""A Batch job as data, and what Batch decides about it. Nothing here starts a process or asks a clock.

Sources: AWS Batch user guide ("Job states", "Automated job retries", "Job timeouts", "Array jobs", "Job dependencies")
and API reference (SubmitJob, EvaluateOnExit, JobDetail).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Status(StrEnum):
    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def over(self) -> bool:
        return self in (Status.SUCCEEDED, Status.FAILED)

    @property
    def waiting(self) -> bool:
        """Whether CancelJob still has a say."""
        return self in (Status.SUBMITTED, Status.PENDING, Status.RUNNABLE)


FOLLOWING: Mapping[Status, frozenset[Status]] = {
    Status.SUBMITTED: frozenset({Status.PENDING, Status.RUNNABLE, Status.FAILED}),
    Status.PENDING: frozenset({Status.RUNNABLE, Status.SUCCEEDED, Status.FAILED}),  # SUCCEEDED: an array's parent
    Status.RUNNABLE: frozenset({Status.STARTING, Status.FAILED}),
    Status.STARTING: frozenset({Status.RUNNING, Status.RUNNABLE, Status.FAILED}),
    Status.RUNNING: frozenset({Status.RUNNABLE, Status.SUCCEEDED, Status.FAILED}),  # RUNNABLE: the next attempt
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
}


class NoSuchStep(ValueError):
    """A status that doesn't follow upon the present one."""


@dataclass(frozen=True)
class RetryRule:
    """One entry of evaluateOnExit. A condition that isn't given always holds; `*` at its end stands for any rest."""

    action: str
    on_exit_code: str | None = None
    on_reason: str | None = None
    on_status_reason: str | None = None

    def matches(self, end: End) -> bool:
        asked = (
            (self.on_exit_code, "" if end.exit_code is None else str(end.exit_code)),
            (self.on_reason, end.reason),
            (self.on_status_reason, end.status_reason),
        )
        return all(pattern is None or _matches(pattern, text) for pattern, text in asked)


@dataclass(frozen=True)
class Retries:
    """`attempts` is 1 to 10: how often a job is moved to RUNNABLE."""

    attempts: int = 1
    rules: tuple[RetryRule, ...] = ()


@dataclass(frozen=True)
class End:
    """How an attempt ended.

    Attributes:
        exit_code: the process's; above 128 the signal's number + 128. None: it was never started.
        reason: the container's, such as CannotPullContainerError….
        final: not tried again, whatever the rules say: it took too long, or somebody terminated it.
    """

    exit_code: int | None
    reason: str = ""
    status_reason: str = "Essential container in task exited"
    final: bool = False

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0 and not self.final


@dataclass(frozen=True)
class Attempt:
    """One attempt that is over. Times in milliseconds since 1970; 0 for one that never ran."""

    end: End
    log_stream: str
    task_arn: str
    started_at: int
    stopped_at: int


@dataclass(frozen=True)
class Dependency:
    """A job that must have succeeded before. `type` is "", N_TO_N or SEQUENTIAL (which names no job)."""

    job_id: str = ""
    type: str = ""


@dataclass(frozen=True)
class Request:
    """What SubmitJob asks for, with what the job definition says and an override doesn't.

    Attributes:
        environment: (name, value) pairs.
        seconds: longest attempt; None: no limit.
        size: children of an array job, 2 to 10,000; 0 for a single job.
        groups: security groups of the compute environment.
    """

    name: str
    queue_arn: str
    definition_arn: str
    image: str
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    vcpus: float = 1.0
    memory_mb: int = 2048
    job_role_arn: str = ""
    execution_role_arn: str = ""
    log_group: str = "/aws/batch/job"
    log_prefix: str = ""
    retries: Retries = Retries()
    seconds: int | None = None
    size: int = 0
    dependencies: tuple[Dependency, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        """The command with its `Ref::name` replaced by parameters; one without a value stays as it is."""
        given = dict(self.parameters)
        return tuple(
            re.sub(r"Ref::([A-Za-z0-9_-]+)", lambda found: given.get(found[1], found[0]), word) for word in self.command
        )


@dataclass(frozen=True)
class Job:
    """A job, an array's parent or one of its children (`index`). Times in milliseconds since 1970; 0: not yet."""

    id: str
    arn: str
    request: Request
    created_at: int
    status: Status = Status.SUBMITTED
    status_reason: str = ""
    index: int | None = None
    attempts: tuple[Attempt, ...] = ()
    started_at: int = 0
    stopped_at: int = 0
    log_stream: str = ""
    task_arn: str = ""

    @property
    def is_parent(self) -> bool:
        return self.request.size > 0 and self.index is None

    @property
    def parent_id(self) -> str:
        """The array that a child belongs to; empty for others."""
        return self.id.rpartition(":")[0]

    def moved(self, status: Status, **changes: object) -> Job:
        """The job in another status.

        Raises:
            NoSuchStep: Batch never does that.
        """
        if status not in FOLLOWING[self.status]:
            raise NoSuchStep(f"{self.id}: {self.status} → {status}")
        return replace(self, status=status, **changes)  # type: ignore[arg-type]

    def attempted(self, attempt: Attempt) -> Job:
        """The job after an attempt: over, or RUNNABLE once more. Only this one: an array's others go on."""
        end, attempts = attempt.end, (*self.attempts, attempt)
        if not end.succeeded and tried_again(self.request.retries, len(attempts), end):
            return self.moved(Status.RUNNABLE, attempts=attempts, log_stream="", task_arn="", started_at=0)
        return self.moved(
            Status.SUCCEEDED if end.succeeded else Status.FAILED,
            attempts=attempts, status_reason=end.status_reason, stopped_at=attempt.stopped_at,
        )  # fmt: skip


def tried_again(retries: Retries, attempts_made: int, end: End) -> bool:
    """Whether a failed attempt is followed by another. The first rule that matches decides; without one it is."""
    if end.final or attempts_made >= retries.attempts:
        return False
    action = next((rule.action for rule in retries.rules if rule.matches(end)), "RETRY")
    return action.upper() == "RETRY"


def exit_code(returned: int) -> int:
    """A process's end as a container's exit code, from subprocess's (negative: the signal)."""
    return returned if returned >= 0 else 128 - returned


def waits_for(job: Job) -> tuple[str, ...]:
    """Ids of the jobs that must have succeeded before this one may run."""
    needed = []
    for dependency in job.request.dependencies:
        if dependency.type == "N_TO_N" and job.index is not None:
            needed.append(f"{dependency.job_id}:{job.index}")
        elif dependency.type == "SEQUENTIAL":
            if job.index:
                needed.append(f"{job.parent_id}:{job.index - 1}")
        else:
            needed.append(dependency.job_id)
    return tuple(needed)


def readiness(job: Job, status_of: Callable[[str], Status | None]) -> Status:
    """RUNNABLE, PENDING or FAILED, by what a job waits for. A job that nobody knows any more doesn't hold it up."""
    statuses = [status_of(job_id) for job_id in waits_for(job)]
    if Status.FAILED in statuses:
        return Status.FAILED
    return Status.RUNNABLE if all(status in (None, Status.SUCCEEDED) for status in statuses) else Status.PENDING


def summary(children: Iterable[Status]) -> dict[str, int]:
    """statusSummary: how many children are in each status."""
    counted = Counter(children)
    return {status.value: counted[status] for status in Status}


def array_status(counts: Mapping[str, int], size: int) -> Status:
    """An array parent's status, from the statusSummary of its children."""
    if counts[Status.SUCCEEDED] + counts[Status.FAILED] < size:
        begun = size - counts[Status.SUBMITTED] - counts[Status.PENDING]
        return Status.PENDING if begun else Status.SUBMITTED
    return Status.FAILED if counts[Status.FAILED] else Status.SUCCEEDED


def _matches(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
