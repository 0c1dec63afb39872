"""Bulk work as a smoke test sees it: ask for photos to be made anew, watch the array job, take everything back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from opsctl.aws import NotFound
from opsctl.smoke import images, jpeg, photos
from opsctl.smoke.check import Trial, expect
from opsctl.smoke.target import SmokeTarget

LONGEST_SIDE = {"small": 320, "medium": 640, "large": 1280}


def bulk_path(trial: Trial) -> Mapping[str, Any]:
    """Two photos, one for each child of an array job; then the follow-up's report."""
    photo_ids = [photos.send(trial, photos.photo()) for _ in range(2)]
    for photo_id in photo_ids:  # what still comes after the upload would outlive the cleaning up
        photos.wait_until_ready(trial, photo_id)
        if images.are_in(trial.target):
            images.wait_until(trial, images.id_of_photo(photo_id), "ready")
    keys = [f"uploads/{photo_id}" for photo_id in photo_ids]
    request_id = f"smoke-{trial.id}"
    request(trial, request_id, keys=keys, versions=["small"], photos_per_child=1)
    job_id = trial.until(f"the job of {request_id}", lambda: job_of(trial.target, request_id))
    trial.evidence["job_id"] = job_id
    done = trial.until(f"the report of {job_id}", lambda: report(trial.target, job_id))
    expect(done["status"] == "SUCCEEDED", f"job {job_id} is {done['status']}: {done['failed_children']}")
    expect(done["children"]["total"] == 2, f"job {job_id} has {done['children']['total']} children, not 2")
    for key in keys:
        size = jpeg.pixel_size(version(trial.target, key, "small"))
        expect(max(size) == LONGEST_SIDE["small"], f"the small version of {key} is {size[0]} x {size[1]} pixels")
    return {"seconds_of_the_job": done["seconds"], "children": done["children"], "photos": done["photos"]}


def request(trial: Trial, request_id: str, **detail: Any) -> None:
    """Put bulk.requested on the bus. What it leads to is removed when the trial ends, but photos."""
    trial.afterwards(f"bulk request {request_id}", partial(remove, trial.target, request_id, detail.get("keys", ())))
    publish(trial.target, "ops", "bulk.requested", {"correlation_id": request_id, "request_id": request_id, **detail})


def publish(target: SmokeTarget, source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
    """Put one event on the environment's bus."""
    answer = target.aws.call(
        "events", "put_events",
        Entries=[{"EventBusName": target.output("bulk.bus"), "Source": source, "DetailType": detail_type,
                  "Detail": json.dumps(detail)}],
    )  # fmt: skip
    expect(not answer["FailedEntryCount"], f"the bus did not take {detail_type}: {answer['Entries']}")


def job_of(target: SmokeTarget, request_id: str) -> str | None:
    """Id of a request's job; None while there is none."""
    found = target.aws.call(
        "batch", "list_jobs", jobQueue=target.output("bulk.job_queue.name"),
        filters=[{"name": "JOB_NAME", "values": [f"bulk-{request_id}"]}],
    )["jobSummaryList"]  # fmt: skip
    return str(found[0]["jobId"]) if found else None


def report(target: SmokeTarget, job_id: str) -> dict[str, Any] | None:
    """The follow-up's report of a job; None while there is none."""
    content = read(target, f"reports/{job_id}.json")
    return None if content is None else dict(json.loads(content))


def version(target: SmokeTarget, key: str, name: str) -> bytes:
    """A version of the photo of this key.

    Raises:
        CheckFailed: it isn't there.
    """
    content = read(target, version_key(key, name))
    expect(content is not None, f"there is no {name} version of {key}")
    return content or b""


def version_key(key: str, name: str) -> str:
    return f"versions/{key.partition('/')[2]}/{name}.jpg"


def read(target: SmokeTarget, key: str) -> bytes | None:
    """An object of the bulk bucket; None when there is none."""
    try:
        body = target.aws.call("s3", "get_object", Bucket=target.output("bulk.buckets.bulk.id"), Key=key)["Body"]
    except NotFound:
        return None
    return bytes(body.read())


def remove(target: SmokeTarget, request_id: str, keys: Iterable[str]) -> None:
    """Remove a request's manifest, results, report and versions. Nothing there is fine."""
    job_id = job_of(target, request_id) or "none"
    prefixes = [f"requests/{request_id}/", f"results/{job_id}", f"reports/{job_id}"]
    empty(target, target.output("bulk.buckets.bulk.id"), prefixes + [version_key(key, "")[:-4] for key in keys])


def empty(target: SmokeTarget, bucket: str, prefixes: Iterable[str]) -> None:
    """Remove what lies under these prefixes, every version of it."""
    for prefix in prefixes:
        found = target.aws.pages(
            "s3", "list_object_versions", "[Versions, DeleteMarkers][]", Bucket=bucket, Prefix=prefix
        )
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found if each]
        for begin in range(0, len(objects), 1000):
            target.aws.call(
                "s3", "delete_objects", Bucket=bucket, Delete={"Objects": objects[begin : begin + 1000], "Quiet": True}
            )
