"""Batch: a submitted job runs. moto keeps environments, queues and definitions; its jobs need Docker.

A job is a Python process (opsctl.local.batch), of the code that its image was built of: the image's tag is the SHA-256
of a package, and the job's environment says where that lies (JOB_PACKAGE).
"""

from __future__ import annotations

import asyncio
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.local.batch import api
from opsctl.local.batch.api import ClientException, Definition
from opsctl.local.batch.jobs import Job
from opsctl.local.batch.scheduler import Place, Scheduler
from opsctl.local.emulators import in_moto
from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap
from opsctl.local.repeating import every

LOG_SECONDS = 0.5
LARGEST_PAGE = 1000
MOST_DESCRIBED = 100

Answer = Callable[["Batch", Mapping[str, Any], str, str], dict[str, Any]]


class Batch(Gap):
    async def install(self) -> None:
        from moto.batch.models import BatchBackend

        BatchBackend.iam_backend = property(lambda backend: _Roles(backend.account_id, backend.region_name))
        self._scheduler = Scheduler(
            self.cloud, place_of=_place, on_change=self._tell, cores=max(1, len(os.sched_getaffinity(0)))
        )
        self._copying = asyncio.create_task(every(LOG_SECONDS, self._scheduler.copy_logs))

    async def uninstall(self) -> None:
        self._copying.cancel()
        await self._scheduler.close()

    def wants(self, request: Request) -> bool:
        return request.service == "batch"

    async def answer(self, request: Request, forward: Handler) -> Response:
        action = ACTIONS.get(request.path.rpartition("/")[2])
        if action is None:
            response = await forward(request)
            self._scheduler.dispatch()  # a queue or an environment may have been opened
            return response
        try:
            return json_response(
                200, action(self, request.json() or {}, self.cloud.account_of(request), request.region)
            )
        except ClientException as error:
            return json_response(400, {"message": error.what}, [("x-amzn-errortype", "ClientException")])

    def submit(self, body: Mapping[str, Any], account_id: str, region: str) -> dict[str, Any]:
        """SubmitJob.

        Raises:
            ClientException: Batch would not take it.
        """
        backend = in_moto("batch", account_id, region)
        queue = backend.get_job_queue(body.get("jobQueue", ""))
        if queue is None:
            raise ClientException(f"JobQueue {body.get('jobQueue')} not found")
        if queue.state != "ENABLED":
            raise ClientException(f"JobQueue {queue.name} is not in ENABLED state")
        found = backend.get_job_definition(body.get("jobDefinition", ""))
        if found is None or found.status != "ACTIVE":
            raise ClientException(f"JobDefinition {body.get('jobDefinition')} is not ACTIVE")
        definition = Definition(
            found.arn, found.container_properties or {}, found.parameters or {}, found.retry_strategy or {},
            found.timeout or {},
        )  # fmt: skip
        asked = api.request_from(body, definition, queue.arn)
        if asked.log_group == api.DEFAULT_LOG_GROUP:
            _make_log_group(account_id, region)
        job = self._scheduler.submit(asked, account_id, region)
        return {"jobArn": job.arn, "jobName": job.request.name, "jobId": job.id}

    def describe(self, body: Mapping[str, Any], account_id: str, region: str) -> dict[str, Any]:
        wanted = list(body.get("jobs") or ())
        if len(wanted) > MOST_DESCRIBED:
            raise ClientException(f"At most {MOST_DESCRIBED} jobs are described at once.")
        found = [self._job(job_id, account_id, region) for job_id in wanted]
        return {"jobs": [self._detail(job) for job in found if job is not None]}

    def search(self, body: Mapping[str, Any], account_id: str, region: str) -> dict[str, Any]:
        if array := body.get("arrayJobId"):
            parent = self._job(array, account_id, region)
            if parent is None:
                raise ClientException(f"Job {array} not found")
            listed = self._scheduler.children(parent)
        else:
            queue = in_moto("batch", account_id, region).get_job_queue(body.get("jobQueue", ""))
            if queue is None:
                raise ClientException(f"JobQueue {body.get('jobQueue')} not found")
            listed = [job for job in self._scheduler.all() if job.index is None and job.request.queue_arn == queue.arn]
        jobs = api.chosen(listed, body)
        begin = int(urlsafe_b64decode(body["nextToken"])) if body.get("nextToken") else 0
        end = begin + min(int(body.get("maxResults") or LARGEST_PAGE), LARGEST_PAGE)
        further = {"nextToken": urlsafe_b64encode(str(end).encode()).decode()} if end < len(jobs) else {}
        return {"jobSummaryList": [api.brief(job) for job in jobs[begin:end]], **further}

    def cancel(self, body: Mapping[str, Any], account_id: str, region: str) -> dict[str, Any]:
        return self._end(self._scheduler.cancel, body, account_id, region)

    def terminate(self, body: Mapping[str, Any], account_id: str, region: str) -> dict[str, Any]:
        return self._end(self._scheduler.terminate, body, account_id, region)

    def _end(
        self, how: Callable[[Job, str], None], body: Mapping[str, Any], account_id: str, region: str
    ) -> dict[str, Any]:
        if not body.get("jobId") or not body.get("reason"):
            raise ClientException("jobId and reason are required")
        if job := self._job(body["jobId"], account_id, region):
            how(job, str(body["reason"]))
        return {}

    def _job(self, job_id: str, account_id: str, region: str) -> Job | None:
        job = self._scheduler.find(str(job_id))
        return job if job and job.arn.startswith(f"arn:aws:batch:{region}:{account_id}:") else None

    def _detail(self, job: Job) -> dict[str, Any]:
        return api.detail(job, self._scheduler.status_summary(job))

    def _tell(self, job: Job) -> None:
        """The event of a job's new status, on the default bus (user guide, "Job state change events")."""
        from ministack.core.responses import request_scope
        from ministack.services import eventbridge

        region, account_id = job.arn.split(":")[3:5]
        entry = {
            "Source": "aws.batch",
            "DetailType": "Batch Job State Change",
            "Detail": json.dumps(self._detail(job)),
            "Resources": [job.arn],
        }
        with request_scope(account_id, region):
            eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


@dataclass(frozen=True)
class _Roles:
    """The account's roles, which are MiniStack's: moto would look among its own."""

    account_id: str
    region: str

    def get_role_by_arn(self, arn: str) -> None:
        from ministack.core.responses import request_scope
        from ministack.services import iam
        from moto.iam.exceptions import NotFoundException

        with request_scope(self.account_id, self.region):
            if arn.rpartition("/")[2] not in iam._roles:
                raise NotFoundException(f"There is no role {arn}.")


ACTIONS: Mapping[str, Answer] = {
    "submitjob": Batch.submit,
    "describejobs": Batch.describe,
    "listjobs": Batch.search,
    "canceljob": Batch.cancel,
    "terminatejob": Batch.terminate,
}


def _make_log_group(account_id: str, region: str) -> None:
    """The group of jobs that name none, which is there since the first of them. Others are their owners' to make."""
    from ministack.core.responses import request_scope
    from ministack.services import cloudwatch_logs

    with request_scope(account_id, region):
        if api.DEFAULT_LOG_GROUP not in cloudwatch_logs._log_groups:
            cloudwatch_logs._create_log_group({"logGroupName": api.DEFAULT_LOG_GROUP})


def _place(queue_arn: str) -> Place | None:
    """Where a queue's jobs run: in its first environment that is enabled."""
    region, account_id = queue_arn.split(":")[3:5]
    queue = in_moto("batch", account_id, region)._job_queues.get(queue_arn)
    if queue is None or not queue.environments:
        return None
    ready = [environment for environment in queue.environments if environment.state != "DISABLED"]
    environment = (ready or queue.environments)[0]
    return Place(
        queue_name=queue.name,
        environment_name=environment.name,
        priority=int(queue.priority),
        max_vcpus=float((environment.compute_resources or {}).get("maxvCpus", 1)),
        open=bool(ready),
        cluster=environment.ecs_name,
    )
