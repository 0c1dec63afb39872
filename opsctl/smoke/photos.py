"""The photo path as a smoke test sees it: send a photo, watch for its effects, take everything back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import resources
from typing import Any

from opsctl.aws import Aws, NotFound
from opsctl.smoke import images
from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.edge import Answer
from opsctl.smoke.target import SmokeTarget

# assets/photo.jpg is stored 403 x 301 with EXIF orientation 6: people see it upright, 301 x 403.
PHOTO_SIZE = (301, 403)
THUMBNAIL_LIMIT = 256


@cache
def photo() -> bytes:
    """A real JPEG of odd size with EXIF data."""
    return (resources.files("opsctl.smoke") / "assets" / "photo.jpg").read_bytes()


def corrupt_photo() -> bytes:
    """A JPEG by its first bytes, cut off within its headers and followed by what no decoder takes."""
    return photo()[:64] + b"\x00not an image\x00" * 64


def send(trial: Trial, body: bytes) -> str:
    """Upload through the edge and the API; returns the photo's id. Everything it leads to is removed afterwards."""
    return remember(trial, upload(trial, body))


def upload(trial: Trial, body: bytes) -> str:
    """Upload through the edge and the API; returns the photo's id. Removing it is the caller's."""
    answer = trial.request("POST", "/v1/photos", body=body, content_type="image/jpeg")
    expect(answer.status == 201, str(answer))
    return id_in(answer)


def id_in(answer: Answer) -> str:
    """The photo's id in the answer to an upload."""
    shown = answer.json()
    photo_id = shown.get("photo_id") if isinstance(shown, dict) else None
    if not isinstance(photo_id, str) or not photo_id:
        raise CheckFailed(f"no photo_id: {answer}")
    return photo_id


def remember(trial: Trial, photo_id: str) -> str:
    """Mark a photo's objects and record for removal when the trial ends."""

    def take_back() -> None:
        if images.are_in(trial.target):
            images.let_end(trial, images.id_of_photo(photo_id))
        remove(trial.target, photo_id)

    trial.afterwards(f"photo {photo_id}", take_back)
    trial.evidence.setdefault("photo_ids", []).append(photo_id)
    return photo_id


def wait_until_ready(trial: Trial, photo_id: str) -> Mapping[str, Any]:
    """The photo as the API shows it, once it is ready. (A thumbnail asked for too early would be cached as missing.)"""

    def look() -> Mapping[str, Any] | None:
        answer = trial.get(f"/v1/photos/{photo_id}")
        expect(answer.status in (200, 404), str(answer))
        shown = answer.json()
        return shown if answer.status == 200 and isinstance(shown, dict) and shown.get("status") == "ready" else None

    return trial.until(f"photo {photo_id} as ready at /v1/photos/{photo_id}", look)


def expected_thumbnail(size: tuple[int, int], limit: int = THUMBNAIL_LIMIT) -> tuple[float, float]:
    """Width and height, not yet rounded, of the largest picture with the same aspect within limit x limit."""
    scale = min(1.0, limit / max(size))
    return size[0] * scale, size[1] * scale


def has_thumbnail_size(actual: tuple[int, int], size: tuple[int, int] = PHOTO_SIZE) -> bool:
    """Whether a thumbnail has the size that belongs to a photo, whichever way its maker rounds."""
    return all(abs(a - e) <= 1 and a <= THUMBNAIL_LIMIT for a, e in zip(actual, expected_thumbnail(size), strict=True))


def record(target: SmokeTarget, photo_id: str) -> dict[str, Any] | None:
    """The photo's DynamoDB item in DynamoDB's own JSON; None when there is none."""
    answer = target.aws.call(
        "dynamodb", "get_item", TableName=target.output("photos.table"), Key=_key(photo_id), ConsistentRead=True
    )
    item: dict[str, Any] | None = answer.get("Item")
    return item


def remove(target: SmokeTarget, photo_id: str) -> None:
    """Remove upload, thumbnail, filtered versions and records, nothing of which need be there."""
    bucket = target.output("photos.bucket")
    for key in (f"uploads/{photo_id}", f"thumbnails/{photo_id}.jpg"):
        images.remove_objects(target, bucket, key)
    if images.are_in(target):
        images.remove(target, images.id_of_photo(photo_id))
    target.aws.call("dynamodb", "delete_item", TableName=target.output("photos.table"), Key=_key(photo_id))


def _key(photo_id: str) -> dict[str, dict[str, str]]:
    return {"photo_id": {"S": photo_id}}


RECEIPTS_IN_A_CALL = 10
"""SQS API reference, ChangeMessageVisibilityBatch; one that is visible already fails alone."""


@dataclass
class Announcements:
    """A queue of our own, subscribed to a topic, that sees what is announced from now on.

    Attributes:
        id_field: which field of an announcement says what it is about.
        seen: by that id, every announcement so far with the time (Unix seconds) at which SNS handed it over.
    """

    aws: Aws
    queue_url: str
    id_field: str = "photo_id"
    seen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def listen(cls, trial: Trial, topic: str = "photos.topic_arn", id_field: str = "photo_id") -> Announcements:
        """Make the queue and subscribe it; both are removed when the trial ends.

        Args:
            topic: the output that has the topic's ARN.
        """
        target, aws = trial.target, trial.aws
        name = f"{target.prefix}-smoke-{trial.id}-{topic.partition('.')[0]}"
        topic = target.output(topic)
        _, partition, _, region, account, _ = topic.split(":", 5)
        arn = f"arn:{partition}:sqs:{region}:{account}:{name}"
        url = aws.call(
            "sqs", "create_queue", QueueName=name, tags=dict(target.tags),
            # A queue that a killed run left behind at least forgets its messages soon. Its policy comes with it: one
            # that is set later takes up to a minute, and SNS repeats nothing that was refused (SQS API reference).
            Attributes={
                "MessageRetentionPeriod": "600", "SqsManagedSseEnabled": "true", "Policy": _allow(topic, arn),
            },
        )["QueueUrl"]  # fmt: skip
        trial.afterwards(f"queue {url}", partial(_ignore_missing, aws, "sqs", "delete_queue", QueueUrl=url))
        subscription = aws.call(
            "sns", "subscribe", TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True,
            Attributes={"RawMessageDelivery": "true"},
        )["SubscriptionArn"]  # fmt: skip
        trial.afterwards(
            f"subscription {subscription}",
            partial(_ignore_missing, aws, "sns", "unsubscribe", SubscriptionArn=subscription),
        )
        return cls(aws, url, id_field)

    def poll(self, *, wait_seconds: int = 1) -> int:
        """Take what has come, waiting up to `wait_seconds` for the first; returns how many there were."""
        messages = self.aws.call(
            "sqs", "receive_message", QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])  # fmt: skip
        for message in messages:
            self._note(message)
        if messages:
            self.aws.call(
                "sqs", "delete_message_batch", QueueUrl=self.queue_url,
                Entries=[{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)],
            )  # fmt: skip
        return len(messages)

    def settle(self, trial: Trial, seconds: float) -> None:
        """Take what still comes, for that long: others announce things, too."""

        def look() -> bool:
            self.poll()
            return False

        with contextlib.suppress(CheckFailed):
            trial.until("silence", look, within_seconds=seconds)

    def of(self, wanted: str) -> list[dict[str, Any]]:
        return self.seen.get(wanted, [])

    def _note(self, message: Mapping[str, Any]) -> None:
        try:
            announced = json.loads(message["Body"])
        except ValueError:
            return
        if isinstance(announced, dict) and isinstance(announced.get(self.id_field), str):
            sent_at = int(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000
            self.seen.setdefault(announced[self.id_field], []).append(announced | {"sent_at": sent_at})


@dataclass
class DeadLetters:
    """A look into a dead-letter queue that leaves the messages of others where they are.

    Attributes:
        id_attribute: which message attribute says what it is about.
    """

    aws: Aws
    queue_url: str
    id_attribute: str = "photo_id"
    held: list[str] = field(default_factory=list)

    @classmethod
    def search(
        cls, trial: Trial, queue: str = "photos.dead_letter_queue_url", id_attribute: str = "photo_id"
    ) -> DeadLetters:
        """Begin a search; `queue` is the output that has the queue's URL."""
        letters = cls(trial.aws, trial.target.output(queue), id_attribute)
        trial.afterwards("dead letters of others", letters.release)
        return letters

    def take(self, wanted: str) -> Mapping[str, str] | None:
        """Remove the dead letter with this id and return its attributes; None when it isn't among the next ten.

        Others stay hidden while we search, so that a full queue is got through, and are released afterwards.
        """
        answer = self.aws.call(
            "sqs", "receive_message", QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1,
            VisibilityTimeout=60, MessageAttributeNames=["All"],
        )  # fmt: skip
        found: Mapping[str, str] | None = None
        for message in answer.get("Messages", []):
            attributes = {
                name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()
            }
            if attributes.get(self.id_attribute) == wanted:
                found = attributes
                self.aws.call("sqs", "delete_message", QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            else:
                self.held.append(message["ReceiptHandle"])
        return found

    def release(self) -> None:
        """Make the messages of others visible again."""
        let_go(self.aws, self.queue_url, self.held)
        self.held.clear()


def let_go(aws: Aws, url: str, receipts: Sequence[str]) -> None:
    """Make messages visible again, ten at a time. What is visible already, since its minute is over, stays so."""
    for begin in range(0, len(receipts), RECEIPTS_IN_A_CALL):
        some = receipts[begin : begin + RECEIPTS_IN_A_CALL]
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0} for number, receipt in enumerate(some)
        ]
        aws.call("sqs", "change_message_visibility_batch", QueueUrl=url, Entries=entries)


def _allow(topic_arn: str, queue_arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _ignore_missing(aws: Aws, service: str, operation: str, **parameters: Any) -> None:
    with contextlib.suppress(NotFound):
        aws.call(service, operation, **parameters)
