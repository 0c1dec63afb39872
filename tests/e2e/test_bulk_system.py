"""Bulk work as operators see it: seeds' row S9, proved by pixels, attempts, reports and what was kept of failures."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from opsctl.aws import Aws
from opsctl.queues import find_store, read_letters
from opsctl.queues.letters import Letter
from opsctl.smoke import SmokeTarget, bulk, images
from tests.e2e.project import Project, wait_for

PHOTOS, CHILDREN = 1000, 10


def picture(number: int = 0, size: tuple[int, int] = (400, 300), orientation: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, (number % 256, number // 256, 90)).save(file, "JPEG", exif=exif)
    return file.getvalue()


class Bulk:
    """Requests of this file: what they work on, and what came of them."""

    def __init__(self, target: SmokeTarget) -> None:
        self.target, self.aws = target, target.aws
        self.bucket = target.output("bulk.buckets.bulk.id")
        self.photos = target.output("bulk.sources.photos.id")
        self.mark = f"bulk-{uuid.uuid4().hex[:8]}"
        self.corrupt, self.missing = f"uploads/{self.mark}x-corrupt", f"uploads/{self.mark}x-gone"
        self.requests: list[str] = []

    def put_photos(self, count: int) -> list[str]:
        """Photos that lie in the bucket already: nobody hears of their arrival. Gives their keys."""
        keys = [f"uploads/{self.mark}-{number:04d}" for number in range(count)]
        known = self.aws.call("s3", "get_bucket_notification_configuration", Bucket=self.photos)
        known.pop("ResponseMetadata")
        notify = {"Bucket": self.photos, "SkipDestinationValidation": True}
        self.aws.call("s3", "put_bucket_notification_configuration", **notify, NotificationConfiguration={})
        try:
            self.aws.map(
                lambda key: self.aws.call("s3", "put_object", Bucket=self.photos, Key=key, Body=picture(int(key[-4:]))),
                keys,
            )
            self.aws.call("s3", "put_object", Bucket=self.photos, Key=self.corrupt, Body=picture()[:500])
        finally:
            self.aws.call("s3", "put_bucket_notification_configuration", **notify, NotificationConfiguration=known)
        return keys

    def ask(self, times: int = 1, **detail: Any) -> str:
        """Put a request on the bus, and give its id."""
        request_id = f"{self.mark}-r{len(self.requests)}"
        self.requests.append(request_id)
        asked = {"correlation_id": f"{self.mark}-c{len(self.requests)}", "request_id": request_id, **detail}
        for _ in range(times):
            bulk.publish(self.target, "ops", "bulk.requested", asked)
        return request_id

    def job_of(self, request_id: str) -> str:
        return str(wait_for(lambda: bulk.job_of(self.target, request_id), what=f"the job of {request_id}"))

    def report(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = wait_for(
            lambda: bulk.report(self.target, job_id), seconds=120, what=f"the report of {job_id}"
        )
        return found

    def job(self, job_id: str) -> dict[str, Any]:
        [found] = self.aws.call("batch", "describe_jobs", jobs=[job_id])["jobs"]
        return dict(found)

    def children(self, job_id: str, status: str) -> list[str]:
        found = self.aws.pages("batch", "list_jobs", "jobSummaryList[]", arrayJobId=job_id, jobStatus=status)
        return [child["jobId"] for child in found]

    def keys(self, prefix: str) -> list[str]:
        found = self.aws.pages("s3", "list_objects_v2", "Contents[]", Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in found if each]

    def letters(self, part: str) -> list[Letter]:
        """What the failure queue keeps that mentions this."""
        store = find_store("local", self.target.outputs, "bulk")
        return [letter for letter in read_letters(self.aws, store, limit=100) if part in letter.body]


def process_of(job_id: str) -> int | None:
    """The process of a job's attempt on this machine."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"AWS_BATCH_JOB_ID={job_id}\0".encode() in (entry / "environ").read_bytes():
                return int(entry.name)
    return None


def kill(job_id: str) -> bool:
    """Kill the process of a job's attempt, if there is one just now."""
    pid = process_of(job_id)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


@pytest.fixture(scope="module")
def system(target: SmokeTarget) -> Iterator[Bulk]:
    made = Bulk(target)
    yield made
    bulk.empty(target, made.photos, [f"uploads/{made.mark}"])
    bulk.empty(target, made.bucket, [f"versions/{made.mark}", f"versions/images/{made.mark}", f"requests/{made.mark}"])


@pytest.fixture(scope="module")
def photos(system: Bulk) -> list[str]:
    return system.put_photos(PHOTOS)


@pytest.fixture
def heard(aws: Aws, target: SmokeTarget) -> Iterator[str]:
    """URL of a queue that hears each bulk.finished."""
    name = f"heard-{uuid.uuid4().hex[:8]}"
    url = aws.call("sqs", "create_queue", QueueName=name)["QueueUrl"]
    arn = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = {"EventBusName": target.output("bulk.bus")}
    pattern = json.dumps({"source": ["bulk"], "detail-type": ["bulk.finished"]})
    aws.call("events", "put_rule", Name=name, EventPattern=pattern, **rule)
    aws.call("events", "put_targets", Rule=name, Targets=[{"Id": "queue", "Arn": arn}], **rule)
    yield url
    aws.call("events", "remove_targets", Rule=name, Ids=["queue"], **rule)
    aws.call("events", "delete_rule", Name=name, **rule)
    aws.call("sqs", "delete_queue", QueueUrl=url)


def test_a_thousand_photos_are_one_array_job_in_which_a_killed_child_alone_is_repeated(
    system: Bulk, photos: list[str], heard: str
) -> None:
    request_id = system.ask(2, prefix=f"{system.mark}-", versions=["small"], photos_per_child=PHOTOS // CHILDREN)
    job_id = system.job_of(request_id)
    killed = wait_for(
        lambda: next((child for child in system.children(job_id, "RUNNING") if half_way(system, child)), None),
        what="a child half-way through its slice",
    )
    assert kill(killed)
    report = system.report(job_id)

    assert (report["status"], report["request_id"]) == ("SUCCEEDED", request_id)
    assert report["children"] == {"total": CHILDREN, "succeeded": CHILDREN, "failed": 0}
    assert report["photos"]["made"] + report["photos"]["skipped"] == PHOTOS
    assert report["photos"]["skipped"] > 0, "the second attempt began from the start"
    attempts = {}
    for child in system.children(job_id, "SUCCEEDED"):
        codes = [attempt["container"]["exitCode"] for attempt in system.job(child)["attempts"]]
        if codes != [0]:
            attempts[child] = codes
    assert attempts == {killed: [137, 0]}

    made = system.keys(f"versions/{system.mark}-")
    assert made == [bulk.version_key(key, "small") for key in photos]
    for key in (photos[0], photos[-1]):
        with Image.open(io.BytesIO(bulk.version(system.target, key, "small"))) as image:
            assert (image.format, image.size) == ("JPEG", (320, 240))

    found = system.aws.call(
        "batch", "list_jobs", jobQueue=system.target.output("bulk.job_queue.name"),
        filters=[{"name": "JOB_NAME", "values": [f"bulk-{request_id}"]}],
    )["jobSummaryList"]  # fmt: skip
    assert len(found) == 1, "the request came twice, and so did its job"
    told = [json.loads(body)["detail"] for body in take(system.aws, heard)]
    assert [each["photos"] for each in told if each["job_id"] == job_id] == [report["photos"]]


def half_way(system: Bulk, child: str) -> bool:
    """Whether some of a child's slice is made already: its process is the only one that works on it."""
    index = child.rpartition(":")[2]
    per_child = PHOTOS // CHILDREN
    first = int(index) * per_child
    third = bulk.version_key(f"uploads/{system.mark}-{first + 3:04d}", "small")
    last = bulk.version_key(f"uploads/{system.mark}-{first + per_child - 15:04d}", "small")
    return bulk.read(system.target, third) is not None and bulk.read(system.target, last) is None


def take(aws: Aws, url: str) -> list[str]:
    """All messages of a queue, once there is one."""
    bodies: list[str] = []
    while True:
        got = aws.call("sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        if not (messages := got.get("Messages")):
            return bodies
        for message in messages:
            bodies.append(message["Body"])
            aws.call("sqs", "delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_a_child_that_fails_for_good_is_kept_with_its_slice_and_redriven_and_a_corrupt_photo_with_its_reason(
    system: Bulk, photos: list[str], stack: Project
) -> None:
    keys = photos[:6]
    request_id = system.ask(keys=[*keys, system.corrupt, system.missing], versions=["medium"], photos_per_child=2)
    job_id = system.job_of(request_id)
    child = f"{job_id}:1"
    wait_for(lambda: (kill(child) and False) or system.job(child)["status"] in ("FAILED", "SUCCEEDED"), what="its end")
    report = system.report(job_id)

    [failed] = report["failed_children"]
    assert (failed["index"], failed["attempts"]) == (1, 3)
    assert "exit code 137" in failed["reason"]
    assert report["children"] == {"total": 4, "succeeded": 3, "failed": 1}
    assert {entry["key"] for entry in report["rejected"]} == {system.corrupt, system.missing}

    letters = {letter.reason: letter for letter in wait_for(lambda: system.letters(job_id), what="letters")}
    [slice_letter] = [letter for reason, letter in letters.items() if "exit code 137" in reason]
    assert json.loads(slice_letter.body)["requestPayload"]["detail"]["keys"] == keys[2:4]
    assert f"{system.missing}: the original is gone" in letters
    assert any(reason.startswith(f"{system.corrupt}: the image is damaged") for reason in letters)

    stack.opsctl("queues", "redrive", "local", "bulk", "--only", slice_letter.id, "--yes")
    wanted = [bulk.version_key(key, "medium") for key in keys]
    wait_for(lambda: all(bulk.read(system.target, key) for key in wanted), what="the rest, after the redrive")
    assert slice_letter.id not in [letter.id for letter in system.letters(job_id)]
    for letter in system.letters(job_id):
        forget(system, letter)


def forget(system: Bulk, letter: Letter) -> None:
    """Remove a letter of ours from the failure queue."""
    url = system.target.output("bulk.failure_queues.bulk.url")
    got = system.aws.call("sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=5)
    for message in got.get("Messages", ()):
        if message["MessageId"] == letter.id:
            system.aws.call("sqs", "delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        else:
            system.aws.call(
                "sqs", "change_message_visibility", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=0,
            )  # fmt: skip


def test_a_request_that_is_none_is_kept_with_its_reason_and_starts_no_job(system: Bulk) -> None:
    request_id = system.ask(versions=["gigantic"])
    [letter] = wait_for(lambda: system.letters(request_id), what="the letter")
    assert "versions" in letter.reason
    assert bulk.job_of(system.target, request_id) is None
    forget(system, letter)


def test_a_validated_image_gets_one_job_for_each_version_and_the_event_twice_gives_the_same_pixels(
    system: Bulk,
) -> None:
    bucket = system.target.output("bulk.sources.images.id")
    name = f"{system.mark}.jpg"
    system.aws.call("s3", "put_object", Bucket=bucket, Key=f"incoming/{name}", Body=picture(1, (2000, 1000), 6))
    detail = {
        "correlation_id": system.mark, "image_id": f"images/{name}", "bucket": bucket, "key": f"incoming/{name}",
        "width": 1000, "height": 2000, "format": "jpeg", "origin": "images",
    }  # fmt: skip
    for _ in range(2):
        bulk.publish(system.target, "images", "image.validated", detail)
    deliveries = 2 + images.are_in(system.target)  # the image processor, where there is one, says it, too
    prefix = f"versions/images/{name}/"

    def jobs() -> list[dict[str, Any]]:
        found = system.aws.pages(
            "batch", "list_jobs", "jobSummaryList[]", jobQueue=system.target.output("bulk.job_queue.name"),
            filters=[{"name": "JOB_NAME", "values": ["image-*"]}],
        )  # fmt: skip
        described = [system.job(job["jobId"]) for job in found if job]
        return [job for job in described if job["parameters"]["name"] == f"images/{name}"]

    ended = wait_for(
        lambda: found if len(found := jobs()) == 3 * deliveries and all("stoppedAt" in job for job in found) else None,
        what="jobs",
    )
    assert {job["status"] for job in ended} == {"SUCCEEDED"}
    assert sorted({job["jobName"] for job in ended}) == ["image-large", "image-medium", "image-small"]
    assert system.keys(prefix) == [f"{prefix}{version}.jpg" for version in ("large", "medium", "small")]
    sizes = {}
    for version in bulk.LONGEST_SIDE:
        with Image.open(io.BytesIO(bulk.read(system.target, f"{prefix}{version}.jpg") or b"")) as image:
            sizes[version] = image.size
    assert sizes == {"small": (160, 320), "medium": (320, 640), "large": (640, 1280)}
    reports = [system.report(job["jobId"]) for job in ended]
    assert {report["correlation_id"] for report in reports} == {system.mark}
    if images.are_in(system.target):
        images.remove(system.target, f"images/{name}")
    bulk.empty(system.target, bucket, [f"incoming/{name}"])
