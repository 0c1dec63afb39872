"""Which job runs when: dependencies, queues by priority, as many at once as the environments and this machine allow."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError
from opsctl.local.batch import jobs
from opsctl.local.batch.container import PACKAGE, Container, Images, ImageUnusable
from opsctl.local.batch.jobs import Attempt, End, Job, Request, Status

if TYPE_CHECKING:
    from opsctl.local.gaps.gap import Cloud

KEPT_JOBS = 50_000
"""Batch keeps a job for seven days after its end; here the oldest go when there are more."""


@dataclass(frozen=True)
class Place:
    """Where the jobs of a queue run, as it is at this moment.

    Attributes:
        open: the queue's compute environment starts jobs.
        cluster: name of the ECS cluster behind it.
    """

    queue_name: str
    environment_name: str
    priority: int
    max_vcpus: float
    open: bool
    cluster: str


class Scheduler:
    """All jobs of a cloud.

    Args:
        place_of: by a queue's ARN; None when it is gone.
        on_change: told of each status that a job gets after it was submitted.
        cores: most processes at once.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        place_of: Callable[[str], Place | None],
        on_change: Callable[[Job], None],
        cores: int,
        clock: Clock | None = None,
    ) -> None:
        self._cloud, self._place_of, self._on_change, self._cores = cloud, place_of, on_change, cores
        self._clock = clock or SystemClock()
        self._images = Images(cloud)
        self._jobs: dict[str, Job] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._dependents: dict[str, list[str]] = {}
        self._runnable: dict[str, deque[str]] = {}
        self._containers: dict[str, Container] = {}
        self._terminated: dict[str, str] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._used: defaultdict[str, float] = defaultdict(float)
        self._closed = False

    # --- what the API asks

    def submit(self, request: Request, account_id: str, region: str) -> Job:
        """Take a job, and an array's children with it; it begins when its turn comes."""
        job_id, now = str(uuid.uuid4()), self._now()
        arn = f"arn:aws:batch:{region}:{account_id}:job/{job_id}"
        job = self._jobs[job_id] = Job(job_id, arn, request, now)
        self._forget_oldest()
        children = [
            replace(job, id=f"{job_id}:{index}", arn=f"{arn}:{index}", index=index) for index in range(request.size)
        ]
        self._jobs.update((child.id, child) for child in children)
        if children:
            self._counts[job_id] = Counter({Status.SUBMITTED.value: request.size})
        for each in children or [job]:
            for needed in jobs.waits_for(each):
                self._dependents.setdefault(needed, []).append(each.id)
        # The caller gets its answer first: on AWS a job is SUBMITTED for a while.
        asyncio.get_running_loop().call_soon(self._look_at, [each.id for each in children or [job]])
        return job

    def find(self, job_id: str) -> Job | None:
        """A job by its id or ARN."""
        return self._jobs.get(job_id.rpartition("job/")[2])

    def all(self) -> Iterator[Job]:
        """Every job, children too, oldest first."""
        return iter(list(self._jobs.values()))

    def children(self, job: Job) -> list[Job]:
        return [self._jobs[f"{job.id}:{index}"] for index in range(job.request.size) if job.is_parent]

    def status_summary(self, job: Job) -> dict[str, int]:
        counts = self._counts.get(job.id, Counter())
        return {status.value: counts[status.value] for status in Status}

    def cancel(self, job: Job, reason: str) -> None:
        """Fail what hasn't begun. What runs goes on."""
        for each in self.children(job) or [job]:
            if each.status.waiting:
                self._move(each, Status.FAILED, status_reason=reason, stopped_at=self._now())

    def terminate(self, job: Job, reason: str) -> None:
        """Fail what hasn't begun, and end what runs: SIGTERM, SIGKILL 30 s later."""
        self.cancel(job, reason)
        for each in self.children(job) or [job]:
            each = self._jobs[each.id]
            if not each.status.over:
                self._terminated[each.id] = reason
                if container := self._containers.get(each.id):
                    container.terminate(reason)

    def copy_logs(self) -> None:
        """Hand on what the running jobs printed since the last time."""
        for job_id, container in list(self._containers.items()):
            while text := container.log.new_text():
                self._log(self._jobs[job_id], text)

    def dispatch(self) -> None:
        """Start what may start: queues by priority, jobs in their order."""
        places = {arn: self._place_of(arn) for arn, waiting in self._runnable.items() if waiting}
        open_places = [(arn, place) for arn, place in places.items() if place is not None and place.open]
        for arn, place in sorted(open_places, key=lambda entry: -entry[1].priority):
            waiting = self._runnable[arn]
            while waiting and len(self._running) < self._cores and not self._closed:
                job = self._jobs.get(waiting[0])
                if job is None or job.status is not Status.RUNNABLE:
                    waiting.popleft()
                    continue
                if self._used[place.environment_name] + job.request.vcpus > place.max_vcpus:
                    break
                waiting.popleft()
                self._used[place.environment_name] += job.request.vcpus
                self._running[job.id] = asyncio.create_task(self._run(job, place))

    async def close(self) -> None:
        """End everything at once."""
        self._closed = True
        for container in self._containers.values():
            container.kill()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    # --- what happens to a job

    def _look_at(self, job_ids: list[str]) -> None:
        for job_id in job_ids:
            job = self._jobs.get(job_id)
            if job is None or job.status not in (Status.SUBMITTED, Status.PENDING):
                continue
            ready = jobs.readiness(job, self._status_of)
            if ready is Status.FAILED:
                self._move(job, ready, status_reason="Dependent Job failed", stopped_at=self._now())
            elif ready is not job.status:
                job = self._move(job, ready)
                if ready is Status.RUNNABLE:
                    self._runnable.setdefault(job.request.queue_arn, deque()).append(job.id)
        self.dispatch()

    def _status_of(self, job_id: str) -> Status | None:
        job = self._jobs.get(job_id)
        return job.status if job else None

    def _move(self, job: Job, status: Status, **changes: object) -> Job:
        return self._became(job, job.moved(status, **changes))

    def _became(self, before: Job, job: Job) -> Job:
        """Keep it and tell of it; then of its array, and those that waited for it."""
        self._jobs[job.id] = job
        self._on_change(job)
        counts = self._counts.get(job.parent_id)
        if counts is not None:
            counts[before.status.value] -= 1
            counts[job.status.value] += 1
            parent = self._jobs[job.parent_id]
            status = jobs.array_status(counts, parent.request.size)
            if status.over and parent.status is Status.SUBMITTED:
                parent = self._move(parent, Status.PENDING)
            if status is not parent.status and not parent.status.over:
                reason = {"status_reason": "Array Child Job failed"} if status is Status.FAILED else {}
                self._move(parent, status, **reason, **({"stopped_at": self._now()} if status.over else {}))
        if job.status.over and (waiting := self._dependents.pop(job.id, None)):
            asyncio.get_running_loop().call_soon(self._look_at, waiting)
        return job

    async def _run(self, job: Job, place: Place) -> None:
        task_arn, stream = self._task(job, place)
        job = self._move(job, Status.STARTING, task_arn=task_arn, log_stream=stream)
        end, started = End(None, status_reason="Task failed to start"), 0
        try:
            container = await self._start(job, place)
            started = self._now()
            job = self._move(self._jobs[job.id], Status.RUNNING, started_at=started)
            end = await container.ended(job.request.seconds)
        except ImageUnusable as error:
            end = replace(end, reason=error.what)
        except OpsctlError as error:
            end = replace(end, reason=f"CannotStartContainerError: {error.what}")
        except Exception as error:
            logging.getLogger("opsctl").exception("job %s", job.id)
            end = replace(end, reason=f"CannotStartContainerError: {type(error).__name__}: {error}")
        finally:
            self._tidy_up(job, place)
        if self._closed:
            return
        if reason := self._terminated.pop(job.id, ""):
            end = replace(end, status_reason=reason, final=True)
        attempted = job.attempted(Attempt(end, stream, task_arn, started, self._now()))
        self._became(job, attempted)
        if attempted.status is Status.RUNNABLE:
            self._runnable.setdefault(job.request.queue_arn, deque()).append(job.id)
        self.dispatch()

    async def _start(self, job: Job, place: Place) -> Container:
        account_id, region = _account_and_region(job)
        package = dict(job.request.environment).get(PACKAGE, "")
        code = await self._images.folder(account_id, region, job.request.image, package)
        environment = {**dict(job.request.environment), **self._given(job, place, account_id, region)}
        folder = self._cloud.work / "tmp" / "jobs" / job.id.replace(":", "-")
        container = Container(code, folder, job.request.argv, environment)
        self._containers[job.id] = container
        if reason := self._terminated.get(job.id):
            container.terminate(reason)
        return container

    def _given(self, job: Job, place: Place, account_id: str, region: str) -> dict[str, str]:
        """What Batch and the platform put into a job's environment (user guide, "Job environment variables")."""
        array = (
            {"AWS_BATCH_JOB_ARRAY_INDEX": str(job.index), "AWS_BATCH_JOB_ARRAY_SIZE": str(job.request.size)}
            if job.index is not None
            else {}
        )
        return {
            "AWS_BATCH_JOB_ID": job.id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(job.attempts) + 1),
            "AWS_BATCH_JQ_NAME": place.queue_name,
            "AWS_BATCH_CE_NAME": place.environment_name,
            **array,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": account_id,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._cloud.port}",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "DB_TLS_CA": str(self._cloud.authority.certificate_file),
        }

    def _tidy_up(self, job: Job, place: Place) -> None:
        if container := self._containers.pop(job.id, None):
            self._log(job, container.last_words())
        self._used[place.environment_name] -= job.request.vcpus
        self._running.pop(job.id, None)

    def _log(self, job: Job, text: str) -> None:
        account_id, region = _account_and_region(job)
        for line in filter(None, text.split("\n")):
            self._cloud.logs.write(account_id, region, job.request.log_group, job.log_stream, line)

    def _task(self, job: Job, place: Place) -> tuple[str, str]:
        """ARN of the ECS task of a new attempt, and its log stream: <prefix>/default/<task id>."""
        account_id, region = _account_and_region(job)
        task = uuid.uuid4().hex
        definition = job.request.definition_arn.rpartition("/")[2].partition(":")[0]
        return (
            f"arn:aws:ecs:{region}:{account_id}:task/{place.cluster}/{task}",
            f"{job.request.log_prefix or definition}/default/{task}",
        )

    def _forget_oldest(self) -> None:
        """Drop the oldest jobs that are over, arrays whole, while too many are kept."""
        if len(self._jobs) <= KEPT_JOBS:
            return
        for job in [each for each in self._jobs.values() if each.index is None and each.status.over]:
            if len(self._jobs) <= KEPT_JOBS:
                return
            for child in self.children(job):
                del self._jobs[child.id]
            del self._jobs[job.id]
            self._counts.pop(job.id, None)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _account_and_region(job: Job) -> tuple[str, str]:
    region, account_id = job.arn.split(":")[3:5]
    return account_id, region
