"""Many photos at once: the rate of the whole path, and which part of it bounds the rate."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from statistics import quantiles
from typing import Any

from opsctl.aws import NotFound
from opsctl.clock import Clock, SystemClock
from opsctl.smoke import images, jpeg, photos
from opsctl.smoke.check import CheckFailed, Trial, open_trial
from opsctl.smoke.target import SmokeTarget


@dataclass(frozen=True)
class Spread:
    """How long single photos took, in seconds."""

    median: float
    p95: float
    longest: float

    @classmethod
    def of(cls, seconds: list[float]) -> Spread:
        cuts = quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds * 19
        return cls(cuts[9], cuts[18], max(seconds))


@dataclass(frozen=True)
class Burst:
    """What became of a burst of photos.

    Attributes:
        upload_seconds: from the first request to the last answer.
        pipeline_seconds: from the first upload's answer to the last announcement.
        seconds: from the first request to the last announcement or answer.
        upload: of one photo, request to answer.
        announcement: of one photo, from its upload's answer to its announcement.
        announced_twice: ids that were announced more than once.
        without_record, without_versions: ids that were announced, but lack the one or the other.
        without_thumbnail: ids without a thumbnail, or with one that is no JPEG of the right size.
    """

    photos: int
    concurrency: int
    upload_seconds: float
    pipeline_seconds: float
    seconds: float
    upload: Spread
    announcement: Spread
    announced_twice: tuple[str, ...]
    without_record: tuple[str, ...]
    without_thumbnail: tuple[str, ...]
    without_versions: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Every photo has exactly one announcement, a record and a thumbnail, and its versions where there are any."""
        return not (self.announced_twice or self.without_record or self.without_thumbnail or self.without_versions)

    @property
    def photos_per_second(self) -> float:
        return self.photos / self.seconds

    @property
    def bound_by(self) -> str:
        """The part without which the burst would have been shorter.

        When the last announcement comes soon after the last upload, the pipeline kept up with the uploads.
        """
        drain = self.seconds - self.upload_seconds
        return "the pipeline behind the upload" if drain > 0.25 * self.seconds else "uploading through the edge"


def send_burst(
    target: SmokeTarget,
    count: int,
    *,
    concurrency: int = 16,
    budget_seconds: float = 300,
    deliver_twice: bool = False,
    clock: Clock | None = None,
) -> Burst:
    """Send `count` photos through the edge and wait until each was announced; everything is removed afterwards.

    Args:
        deliver_twice: then put a copy of each photo's S3 event into the queue, as SQS and S3 now and then do, and wait
            until all of them were worked off.

    Raises:
        CheckFailed: an upload was refused, or announcements were missing when the time was over.
        OpsctlError: the edge or the cloud does not answer.
    """
    clock = clock or SystemClock()
    with open_trial(target, budget_seconds=budget_seconds, clock=clock, concurrency=concurrency) as trial:
        return _send(trial, count, concurrency, clock, deliver_twice)


def _send(trial: Trial, count: int, concurrency: int, clock: Clock, deliver_twice: bool) -> Burst:
    announcements = photos.Announcements.listen(trial)
    sent: dict[str, tuple[float, float]] = {}
    trial.afterwards("photos", lambda: trial.aws.map(partial(photos.remove, trial.target), list(sent)))

    def send_one(_: int) -> None:
        begun = clock.now().timestamp()
        photo_id = photos.upload(trial, photos.photo())
        sent[photo_id] = (begun, clock.now().timestamp())

    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="burst") as pool:
        uploads = [pool.submit(send_one, number) for number in range(count)]

        def all_announced() -> bool:
            for upload in uploads:
                if upload.done():
                    upload.result()
            while announcements.poll():
                pass
            return len(sent) == count and all(photo_id in announcements.seen for photo_id in sent)

        try:
            trial.until("the announcement of every photo", all_announced)
        except CheckFailed as failure:
            came = sum(photo_id in announcements.seen for photo_id in list(sent))
            raise CheckFailed(f"{failure}; {len(sent)} of {count} were sent, {came} announced") from failure
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if deliver_twice:
        trial.aws.map(partial(_deliver_again, trial), list(sent))
        trial.until("an empty queue of uploads", lambda: _waiting(trial) == 0)
        announcements.settle(trial, 2)
    return _judge(trial, sent, announcements, concurrency)


def _deliver_again(trial: Trial, photo_id: str) -> None:
    stored = {"key": f"uploads/{photo_id}", "size": len(photos.photo())}
    event = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"object": stored}}]}
    trial.aws.call(
        "sqs", "send_message", QueueUrl=trial.target.output("photos.queue_url"), MessageBody=json.dumps(event)
    )


def _waiting(trial: Trial) -> int:
    """Messages in the queue of uploads, those at work included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = trial.aws.call(
        "sqs", "get_queue_attributes", QueueUrl=trial.target.output("photos.queue_url"), AttributeNames=names
    )["Attributes"]
    return sum(int(found[name]) for name in names)


def _has_its_thumbnail(trial: Trial, photo_id: str) -> bool:
    try:
        stored = trial.aws.call(
            "s3", "get_object", Bucket=trial.target.output("photos.bucket"), Key=f"thumbnails/{photo_id}.jpg"
        )
        return photos.has_thumbnail_size(jpeg.pixel_size(stored["Body"].read()))
    except (NotFound, ValueError):
        return False


def _judge(
    trial: Trial, sent: dict[str, tuple[float, float]], announcements: photos.Announcements, concurrency: int
) -> Burst:
    first, answered = min(begun for begun, _ in sent.values()), [end for _, end in sent.values()]
    announced = {photo_id: announcements.of(photo_id)[0]["sent_at"] for photo_id in sent}
    records = trial.aws.map(lambda photo_id: photos.record(trial.target, photo_id), list(sent))
    thumbnails = trial.aws.map(partial(_has_its_thumbnail, trial), list(sent))
    last = max(announced.values())
    return Burst(
        photos=len(sent),
        concurrency=concurrency,
        upload_seconds=max(answered) - first,
        pipeline_seconds=last - min(answered),
        seconds=max(last, *answered) - first,
        upload=Spread.of([end - begun for begun, end in sent.values()]),
        announcement=Spread.of([max(0.0, announced[photo_id] - end) for photo_id, (_, end) in sent.items()]),
        announced_twice=tuple(photo_id for photo_id in sent if len(announcements.of(photo_id)) > 1),
        without_record=tuple(photo_id for photo_id, item in zip(sent, records, strict=True) if item is None),
        without_thumbnail=tuple(p for p, right in zip(sent, thumbnails, strict=True) if not right),
        without_versions=_without_versions(trial, list(sent)) if images.are_in(trial.target) else (),
    )


def _without_versions(trial: Trial, sent: list[str]) -> tuple[str, ...]:
    """Waits until the image processor has come to an end with each photo; says which lack a version."""
    for photo_id in sent:
        images.wait_until(trial, images.id_of_photo(photo_id), "ready")
    keys = set(
        trial.aws.pages(
            "s3", "list_objects_v2", "Contents[].Key", Bucket=trial.target.output("images.bucket"), Prefix="photos/"
        )
    )
    return tuple(
        photo_id
        for photo_id in sent
        if not {f"{images.id_of_photo(photo_id)}/{version}.jpg" for version in images.VERSIONS} <= keys
    )


def to_json(burst: Burst) -> dict[str, Any]:
    """A burst as plain values, for a benchmark's report."""
    return asdict(burst) | {"photos_per_second": round(burst.photos_per_second, 2), "bound_by": burst.bound_by}
