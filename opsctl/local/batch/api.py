"""Batch's job API as JSON: SubmitJob's body to a Request, a Job to JobDetail and JobSummary.

Source: AWS Batch API reference, SubmitJob, DescribeJobs, ListJobs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.errors import OpsctlError
from opsctl.local.batch.jobs import Attempt, Dependency, End, Job, Request, Retries, RetryRule

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
LARGEST_ARRAY = 10_000
MOST_DEPENDENCIES = 20
SHORTEST_TIMEOUT_SECONDS = 60
MOST_ATTEMPTS = 10
PROTECTED_PREFIX = "AWS_BATCH"
DEFAULT_LOG_GROUP = "/aws/batch/job"


class ClientException(OpsctlError):
    """Batch's answer to a request that it can't take."""


@dataclass(frozen=True)
class Definition:
    """A job definition's revision, as RegisterJobDefinition took it."""

    arn: str
    container: Mapping[str, Any]
    parameters: Mapping[str, str]
    retry_strategy: Mapping[str, Any]
    timeout: Mapping[str, Any]


def request_from(body: Mapping[str, Any], definition: Definition, queue_arn: str) -> Request:
    """What a SubmitJob asks for.

    Raises:
        ClientException: one of its values is none that Batch takes.
    """
    name = str(body.get("jobName", ""))
    _expect(NAME.fullmatch(name), f"Job name {name!r} should match valid pattern: {NAME.pattern}")
    container, overrides = definition.container, body.get("containerOverrides") or {}
    environment = _variables(container) | _variables(overrides)
    _expect(
        not any(variable.startswith(PROTECTED_PREFIX) for variable in _variables(overrides)),
        f"Environment variables must not start with {PROTECTED_PREFIX}.",
    )
    size = (body.get("arrayProperties") or {}).get("size", 0)
    _expect(size == 0 or 2 <= size <= LARGEST_ARRAY, f"Array size must be from 2 to {LARGEST_ARRAY}, not {size}.")
    dependencies = tuple(
        Dependency(each.get("jobId", ""), each.get("type", "")) for each in body.get("dependsOn") or ()
    )
    _expect(len(dependencies) <= MOST_DEPENDENCIES, f"A job depends on at most {MOST_DEPENDENCIES} others.")
    for dependency in dependencies:
        _expect(dependency.type in ("", "N_TO_N", "SEQUENTIAL"), f"There is no dependency of type {dependency.type}.")
        _expect(dependency.job_id or dependency.type == "SEQUENTIAL", "A dependency must name a job.")
        _expect(size or not dependency.type, f"Only array jobs have dependencies of type {dependency.type}.")
    timeout = (body.get("timeout") or definition.timeout or {}).get("attemptDurationSeconds")
    _expect(timeout is None or timeout >= SHORTEST_TIMEOUT_SECONDS, "attemptDurationSeconds must be at least 60.")
    resources = _resources(container) | _resources(overrides)
    logging = (container.get("logConfiguration") or {}).get("options") or {}
    return Request(
        name=name,
        queue_arn=queue_arn,
        definition_arn=definition.arn,
        image=str(container.get("image", "")),
        command=tuple(overrides.get("command") or container.get("command") or ()),
        environment=tuple(environment.items()),
        parameters=tuple({**definition.parameters, **(body.get("parameters") or {})}.items()),
        vcpus=float(resources.get("VCPU", 1)),
        memory_mb=int(resources.get("MEMORY", 2048)),
        job_role_arn=str(container.get("jobRoleArn", "")),
        execution_role_arn=str(container.get("executionRoleArn", "")),
        log_group=str(logging.get("awslogs-group", DEFAULT_LOG_GROUP)),
        log_prefix=str(logging.get("awslogs-stream-prefix", "")),
        retries=_retries(body.get("retryStrategy") or definition.retry_strategy or {}),
        seconds=timeout,
        size=size,
        dependencies=dependencies,
        tags=tuple((body.get("tags") or {}).items()),
    )


def detail(job: Job, status_summary: Mapping[str, int]) -> dict[str, Any]:
    """JobDetail: what DescribeJobs gives, and an event's `detail`.

    Args:
        status_summary: of an array's parent.
    """
    request = job.request
    last = job.attempts[-1].end if job.attempts and job.status.over else None
    shown: dict[str, Any] = {
        "jobArn": job.arn,
        "jobId": job.id,
        "jobName": request.name,
        "jobQueue": request.queue_arn,
        "jobDefinition": request.definition_arn,
        "status": job.status.value,
        "attempts": [_attempt(attempt) for attempt in job.attempts],
        "createdAt": job.created_at,
        "retryStrategy": {
            "attempts": request.retries.attempts,
            "evaluateOnExit": [_rule(rule) for rule in request.retries.rules],
        },
        "dependsOn": [
            {name: value for name, value in (("jobId", each.job_id), ("type", each.type)) if value}
            for each in request.dependencies
        ],
        "parameters": dict(request.parameters),
        "container": _without_nothing(
            {
                "image": request.image,
                "command": list(request.command),
                "environment": [{"name": name, "value": value} for name, value in request.environment],
                "jobRoleArn": request.job_role_arn,
                "executionRoleArn": request.execution_role_arn,
                "volumes": [],
                "mountPoints": [],
                "ulimits": [],
                "networkInterfaces": [],
                "secrets": [],
                "resourceRequirements": [
                    {"type": "VCPU", "value": f"{request.vcpus:g}"},
                    {"type": "MEMORY", "value": str(request.memory_mb)},
                ],
                "logStreamName": job.log_stream,
                "taskArn": job.task_arn,
            }
        )
        | (_end(last) if last else {}),
        "tags": dict(request.tags),
        "platformCapabilities": ["FARGATE"],
    }
    optional = {
        "startedAt": job.started_at,
        "stoppedAt": job.stopped_at,
        "statusReason": job.status_reason,
        "timeout": {"attemptDurationSeconds": request.seconds} if request.seconds else None,
    }
    if job.is_parent:
        shown["arrayProperties"] = {"statusSummary": dict(status_summary), "size": request.size}
    elif job.index is not None:
        shown["arrayProperties"] = {"statusSummary": {}, "index": job.index}
    return shown | _without_nothing(optional)


def brief(job: Job) -> dict[str, Any]:
    """JobSummary, as ListJobs gives it."""
    last = job.attempts[-1].end if job.attempts and job.status.over else None
    array = {"size": job.request.size} if job.is_parent else {"index": job.index} if job.index is not None else None
    return {
        "jobArn": job.arn,
        "jobId": job.id,
        "jobName": job.request.name,
        "jobDefinition": job.request.definition_arn,
        "createdAt": job.created_at,
        "status": job.status.value,
    } | _without_nothing(
        {
            "startedAt": job.started_at,
            "stoppedAt": job.stopped_at,
            "statusReason": job.status_reason,
            "container": _end(last) if last else None,
            "arrayProperties": array,
        }
    )


FILTERS: Mapping[str, Callable[[Job, str], bool]] = {
    "JOB_NAME": lambda job, value: _like(job.request.name.lower(), value.lower()),
    "JOB_DEFINITION": lambda job, value: _like(_definition_name(job, value), value),
    "BEFORE_CREATED_AT": lambda job, value: job.created_at < int(value),
    "AFTER_CREATED_AT": lambda job, value: job.created_at > int(value),
}


def chosen(listed: Iterable[Job], body: Mapping[str, Any]) -> list[Job]:
    """Those of a queue's or an array's jobs that a ListJobs asks for. Without a status or a filter: the running ones.

    Raises:
        ClientException: a filter that there isn't.
    """
    filters = [] if body.get("arrayJobId") else body.get("filters") or []
    if filters:
        [given] = filters[:1]
        accepts = FILTERS.get(given.get("name", ""))
        if accepts is None:
            raise ClientException(f"There is no filter {given.get('name')!r}: use one of {', '.join(FILTERS)}.")
        return [job for job in listed if any(accepts(job, str(value)) for value in given.get("values", ()))]
    return [job for job in listed if job.status == body.get("jobStatus", "RUNNING")]


def _retries(given: Mapping[str, Any]) -> Retries:
    attempts = given.get("attempts") or 1
    _expect(1 <= attempts <= MOST_ATTEMPTS, f"attempts must be from 1 to {MOST_ATTEMPTS}, not {attempts}.")
    return Retries(
        attempts,
        tuple(
            RetryRule(
                str(rule.get("action", "")).upper(),
                rule.get("onExitCode"),
                rule.get("onReason"),
                rule.get("onStatusReason"),
            )
            for rule in given.get("evaluateOnExit") or ()
        ),
    )


def _rule(rule: RetryRule) -> dict[str, Any]:
    return _without_nothing(
        {
            "action": rule.action,
            "onExitCode": rule.on_exit_code,
            "onReason": rule.on_reason,
            "onStatusReason": rule.on_status_reason,
        }
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    container = {"taskArn": attempt.task_arn, "logStreamName": attempt.log_stream, "networkInterfaces": []}
    return {
        "container": container | _end(attempt.end),
        "startedAt": attempt.started_at,
        "stoppedAt": attempt.stopped_at,
        "statusReason": attempt.end.status_reason,
    }


def _end(end: End) -> dict[str, Any]:
    shown = {"exitCode": end.exit_code, "reason": end.reason or None}
    return {name: value for name, value in shown.items() if value is not None}


def _variables(container: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: str(each.get("value", "")) for each in container.get("environment") or ()}


def _resources(container: Mapping[str, Any]) -> dict[str, Any]:
    older = {"VCPU": container.get("vcpus"), "MEMORY": container.get("memory")}
    return _without_nothing(older) | {
        each["type"]: each["value"] for each in container.get("resourceRequirements") or ()
    }


def _definition_name(job: Job, value: str) -> str:
    arn = job.request.definition_arn
    return arn if value.startswith("arn:") else arn.rpartition("/")[2].partition(":")[0]


def _like(text: str, pattern: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def _without_nothing(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value or value == []}


def _expect(condition: object, message: str) -> None:
    if not condition:
        raise ClientException(message)
