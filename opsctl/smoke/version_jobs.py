"""The Batch jobs of an image, one for each size, as a smoke test sees them: begun by the bus, reported at the end."""

from __future__ import annotations

import contextlib
from typing import Any

from opsctl.smoke import bulk, jpeg
from opsctl.smoke.check import CheckFailed, Trial, expect

LET_END_SECONDS = 15.0


def expect_all(trial: Trial, image_id: str, since: float) -> dict[str, tuple[int, int]]:
    """One job for each size has made its version, and said so.

    Args:
        since: epoch seconds, before the image was put.
    """
    reports = trial.until(f"the reports of {len(bulk.LONGEST_SIDE)} jobs", lambda: _reports(trial, image_id, since))
    failed = [report for report in reports if report["status"] != "SUCCEEDED"]
    expect(not failed, f"jobs of {image_id} that failed: {failed}")
    return {
        size: jpeg.pixel_size(bulk.read(trial.target, f"versions/{image_id}/{size}.jpg") or b"")
        for size in bulk.LONGEST_SIDE
    }


def forget(trial: Trial, image_id: str, since: float) -> None:
    """Let the jobs come to their end, and remove what they made. None there is fine."""
    with contextlib.suppress(CheckFailed):
        trial.until("the jobs' end", lambda: _reports(trial, image_id, since), within_seconds=LET_END_SECONDS)
    parts = [f"{kind}/{job}" for job in _jobs(trial, image_id, since) for kind in ("results", "reports")]
    bulk.empty(trial.target, trial.target.output("bulk.buckets.bulk.id"), [f"versions/{image_id}/", *parts])


def _reports(trial: Trial, image_id: str, since: float) -> list[dict[str, Any]]:
    """The reports of all jobs of an image, once all are there."""
    reports = [bulk.report(trial.target, job) for job in _jobs(trial, image_id, since)]
    found = [report for report in reports if report]
    return found if len(found) == len(bulk.LONGEST_SIDE) else []


def _jobs(trial: Trial, image_id: str, since: float) -> list[str]:
    """Ids of an image's jobs."""
    newer = trial.aws.pages(
        "batch", "list_jobs", "jobSummaryList[].jobId", jobQueue=trial.target.output("bulk.job_queue.name"),
        filters=[{"name": "AFTER_CREATED_AT", "values": [str(int(since * 1000))]}],
    )  # fmt: skip
    ids = list(newer)
    described = [
        job for at in range(0, len(ids), 100)
        for job in trial.aws.call("batch", "describe_jobs", jobs=ids[at : at + 100])["jobs"]
    ]  # fmt: skip
    return [job["jobId"] for job in described if job.get("parameters", {}).get("name") == image_id]
