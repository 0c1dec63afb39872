"""What is to be told and kept of a job that is over. No AWS here.

A failure is kept as Lambda keeps a failed event: `requestPayload` is a bulk.requested event for just that part, so that
handing it to bulk-plan again does it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """A job that is over, out of the detail of Batch's event.

    Attributes:
        size: children of an array job; 0 for a single job.
        manifest_key: of a bulk job; empty for the job of one version.
    """

    id: str
    name: str
    status: str
    status_reason: str
    request_id: str
    correlation_id: str
    size: int
    manifest_key: str
    parameters: Mapping[str, str]
    created_at: int
    stopped_at: int


@dataclass(frozen=True)
class FailedPart:
    """A child, or a whole single job, whose attempts are used up; `index` is its slice."""

    job_id: str
    index: int
    reason: str
    attempts: int


@dataclass(frozen=True)
class Failure:
    """What goes to the failure store: a request for that part alone, and why it failed."""

    request: dict[str, Any]
    reason: str
    job_id: str
    attempts: int


def job_in(detail: Mapping[str, Any]) -> Job:
    """The job that an event tells of."""
    container = detail.get("container") or {}
    environment = {each["name"]: each.get("value", "") for each in container.get("environment") or ()}
    command = container.get("command") or []
    return Job(
        id=detail["jobId"],
        name=detail["jobName"],
        status=detail["status"],
        status_reason=detail.get("statusReason", ""),
        request_id=environment.get("REQUEST_ID", detail["jobId"]),
        correlation_id=environment.get("CORRELATION_ID", detail["jobId"]),
        size=(detail.get("arrayProperties") or {}).get("size", 0),
        manifest_key=command[1] if command[:1] == ["slice"] else "",
        parameters=detail.get("parameters") or {},
        created_at=detail["createdAt"],
        stopped_at=detail.get("stoppedAt", detail["createdAt"]),
    )


def failed_part(detail: Mapping[str, Any]) -> FailedPart:
    """Why a child (or a single job) failed, out of DescribeJobs."""
    container = detail.get("container") or {}
    code = container.get("exitCode")
    said = [detail.get("statusReason", ""), container.get("reason", ""), "" if code is None else f"exit code {code}"]
    return FailedPart(
        job_id=detail["jobId"],
        index=(detail.get("arrayProperties") or {}).get("index", 0),
        reason=", ".join(filter(None, said)) or "it failed without a reason",
        attempts=len(detail.get("attempts", ())),
    )


def failures(
    job: Job,
    manifest: Mapping[str, Any],
    failed: Sequence[FailedPart],
    results: Mapping[int, Mapping[str, Any]],
) -> list[Failure]:
    """What to keep: each part that failed, with its slice, and each photo that can never be one.

    Args:
        manifest: of the request; for the job of one version, one that holds just that.
        results: by index, what the parts wrote down.
    """
    kept = []
    for part in failed:
        told = results.get(part.index, {}).get("rejected") or []
        if not told:
            keys = manifest["slices"][part.index]
            kept.append(Failure(_again(job, manifest, keys, part.job_id), part.reason, part.job_id, part.attempts))
    for index, result in sorted(results.items()):
        for rejected in result.get("rejected") or ():
            part_id = f"{job.id}:{index}" if job.size else job.id
            request = _again(job, manifest, [rejected["key"]], f"{part_id}/{rejected['key']}")
            kept.append(Failure(request, f"{rejected['key']}: {rejected['reason']}", part_id, 1))
    return kept


def finished(
    job: Job, failed: Sequence[FailedPart], results: Mapping[int, Mapping[str, Any]], report_key: str, at: str
) -> dict[str, Any]:
    """The detail of bulk.finished.

    Args:
        at: when, UTC, ISO 8601.
    """
    total = job.size or 1
    return {
        "correlation_id": job.correlation_id,
        "request_id": job.request_id,
        "job_id": job.id,
        "job_name": job.name,
        "status": job.status,
        "children": {"total": total, "succeeded": total - len(failed), "failed": len(failed)},
        "photos": {
            "made": sum(result.get("made", 0) for result in results.values()),
            "skipped": sum(result.get("skipped", 0) for result in results.values()),
            "rejected": sum(len(result.get("rejected") or ()) for result in results.values()),
        },
        "seconds": max(0.0, (job.stopped_at - job.created_at) / 1000),
        "report": report_key,
        "at": at,
    }


def manifest_of_version(job: Job, sources: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The manifest that the job of one version would have had."""
    bucket = job.parameters.get("bucket", "")
    source = next((name for name, place in sources.items() if place["bucket"] == bucket), "")
    return {
        "source": source,
        "versions": [job.parameters.get("version", "")],
        "slices": [[job.parameters.get("key", "")]],
    }


def _again(job: Job, manifest: Mapping[str, Any], keys: Sequence[str], what: str) -> dict[str, Any]:
    """A bulk.requested event for these photos alone; the same part always has the same request id."""
    return {
        "version": "0",
        "source": "bulk",
        "detail-type": "bulk.requested",
        "detail": {
            "correlation_id": job.correlation_id,
            "request_id": hashlib.sha256(what.encode()).hexdigest()[:32],
            "source": manifest["source"],
            "versions": list(manifest["versions"]),
            "keys": list(keys),
        },
    }
