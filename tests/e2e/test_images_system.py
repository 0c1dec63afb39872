"""Images (S11) and the filters of photos (S1's last step) on the real stack: pixels, records, messages, logs."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import fastjsonschema
import pytest
from PIL import Image

from opsctl.aws.clients import Aws
from opsctl.smoke import SmokeTarget, images, photos
from opsctl.smoke.burst import send_burst
from opsctl.smoke.check import Trial, open_trial
from opsctl.smoke.demo import plain
from tests.e2e.project import PROJECT, Project, wait_for

SCHEMA = PROJECT / "terraform/modules/function_layer/layers/shared/events/schemas/image.validated.json"
STEPS = ("validate", "resize", "filter", "optimise")


class Processor:
    """The image processor, as a test uses it.

    Attributes:
        results: what its topic tells.
        validated, letters: by image id, the image.validated events that came over the bus, and the reasons of what
            lay in the dead-letter queue.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial, self.aws, self.target = trial, trial.aws, trial.target
        self.results = photos.Announcements.listen(trial, "images.topic_arn", "image_id")
        self.letters: dict[str, list[str]] = {}
        self.validated: dict[str, list[dict[str, Any]]] = {}
        self._events = self._listen_to_the_bus()

    def _listen_to_the_bus(self) -> str:
        name, bus = f"{self.target.prefix}-e2e-{self.trial.id}", self.target.output("images.bus")
        url: str = self.aws.call("sqs", "create_queue", QueueName=name)["QueueUrl"]
        arn = self.aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        pattern = json.dumps({"source": ["images"], "detail-type": ["image.validated"]})
        self.aws.call("events", "put_rule", Name=name, EventBusName=bus, EventPattern=pattern)
        self.aws.call("events", "put_targets", Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

        def remove() -> None:
            self.aws.call("events", "remove_targets", Rule=name, EventBusName=bus, Ids=["queue"])
            self.aws.call("events", "delete_rule", Name=name, EventBusName=bus)
            self.aws.call("sqs", "delete_queue", QueueUrl=url)

        self.trial.afterwards("the rule and its queue", remove)
        return url

    def put(self, name: str, body: bytes) -> str:
        return images.put(self.trial, name, body)

    def record(self, image_id: str) -> dict[str, Any]:
        return plain(images.record(self.target, image_id) or {})

    def ended(self, image_id: str, status: str) -> dict[str, Any]:
        return plain(images.wait_until(self.trial, image_id, status))

    def versions(self, image_id: str) -> dict[str, Image.Image]:
        made = images.versions(self.target, image_id)
        return {name: Image.open(io.BytesIO(content)) for name, content in made.items()}

    def told(self, image_id: str) -> list[str]:
        """What the topic said of an image, once nothing more has come for a second."""
        wait_for(lambda: self.results.of(image_id) or (self.results.poll() and None), what="a message")
        while self.results.poll():
            pass
        return [message["event"] for message in self.results.of(image_id)]

    def events(self, image_id: str) -> list[dict[str, Any]]:
        """The events about an image, once there is one."""

        def look() -> list[dict[str, Any]]:
            for message in self._take(self._events):
                detail = json.loads(message["Body"])["detail"]
                self.validated.setdefault(detail["image_id"], []).append(detail)
            return self.validated.get(image_id, [])

        events: list[dict[str, Any]] = wait_for(look, what="the event image.validated")
        return events

    def reasons(self, image_id: str, count: int = 1) -> list[str]:
        """Why an image lies in the dead-letter queue, once it does so `count` times."""

        def look() -> bool:
            for message in self._take(self.target.output("images.dead_letter_queue_url")):
                said = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
                self.letters.setdefault(said["image_id"], []).append(said["reason"])
            return len(self.letters.get(image_id, [])) >= count

        wait_for(look, what=f"the dead letter of {image_id}")
        return self.letters[image_id]

    def _take(self, queue_url: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.aws.call(
            "sqs", "receive_message", QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
        ).get("Messages", [])  # fmt: skip
        for message in messages:
            self.aws.call("sqs", "delete_message", QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def announce_photo(self, photo_id: str) -> None:
        message = {"event": "photo.ready", "photo_id": photo_id}
        self.aws.call(
            "sns", "publish", TopicArn=self.target.output("photos.topic_arn"), Message=json.dumps(message),
            MessageAttributes={
                "event": {"DataType": "String", "StringValue": "photo.ready"},
                "correlation_id": {"DataType": "String", "StringValue": f"c-{photo_id}"},
            },
        )  # fmt: skip


@pytest.fixture(scope="module")
def processor(target: SmokeTarget) -> Iterator[Processor]:
    with open_trial(target, budget_seconds=600) as trial:
        yield Processor(trial)


def a_picture(size: tuple[int, int], mode: str = "RGB", format: str = "JPEG", **save: Any) -> bytes:
    """Black on the left, white on the right, as stored."""
    colours: dict[str, tuple[Any, Any]] = {"CMYK": ((0, 0, 0, 255), (0, 0, 0, 0)), "I;16": (0, 65535), "P": (0, 255)}
    black, white = colours.get(mode, ("black", "white"))
    image = Image.new(mode, size, white)
    if mode == "P":
        image.putpalette([grey for grey in range(256) for _ in range(3)])
    image.paste(black, (0, 0, size[0] // 2, size[1]))
    file = io.BytesIO()
    image.save(file, format, **save)
    return file.getvalue()


def lying_on_its_side(size: tuple[int, int]) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise: left becomes top
    exif[0x010E] = "my garden"
    return a_picture(size, exif=exif)


def brightness(image: Image.Image, at: tuple[float, float]) -> int:
    """0 to 255, at a place given in parts of width and height."""
    x, y = int(at[0] * image.width), int(at[1] * image.height)
    value = image.convert("L").getpixel((x, y))
    assert isinstance(value, int)
    return value


def attempts(record: dict[str, Any]) -> Counter[str]:
    return Counter(attempt["step"] for attempt in record.get("attempts", []))


def messages_in(aws: Aws, log_group: str, words: str) -> list[dict[str, Any]]:
    found = aws.pages("logs", "filter_log_events", "events[].message", logGroupName=log_group, filterPattern=words)
    return [json.loads(line) for line in found if line and line.lstrip().startswith("{")]


def test_an_image_gets_its_versions_its_record_one_message_and_one_event(
    processor: Processor, aws: Aws, outputs: dict[str, Any]
) -> None:
    correlation_id = f"garden-{uuid.uuid4().hex[:8]}"
    image_id = processor.put(f"{correlation_id}.jpg", lying_on_its_side((2400, 1000)))

    record = processor.ended(image_id, "ready")
    made = processor.versions(image_id)
    assert {name: (image.format, image.size) for name, image in made.items()} == {
        "resized": ("JPEG", (250, 600)),
        "greyscale": ("JPEG", (250, 600)),
        "sharpened": ("JPEG", (250, 600)),
    }
    assert made["greyscale"].mode == "L"
    for image in made.values():
        assert brightness(image, (0.5, 0.1)) < 20 < 235 < brightness(image, (0.5, 0.9))
        assert not image.getexif()
    assert (record["width"], record["height"], record["format"]) == (1000, 2400, "jpeg")
    assert sorted(record["outputs"]) == sorted(f"{image_id}/{version}.jpg" for version in images.VERSIONS)
    assert attempts(record) == dict.fromkeys(STEPS, 1)
    assert processor.told(image_id) == ["image.ready"]

    [event] = processor.events(image_id)
    fastjsonschema.compile(json.loads(SCHEMA.read_text()))(event)
    assert (event["origin"], event["width"], event["correlation_id"]) == ("images", 1000, correlation_id)
    for step in STEPS:
        lines = messages_in(aws, outputs["functions"][f"image-{step}"]["log_group"], f'"{correlation_id}"')
        assert [line["step"] for line in lines if line.get("message") == "attempt"] == [step]


def test_what_is_no_image_is_rejected_with_its_reason_and_the_rest_go_on(processor: Processor) -> None:
    run = uuid.uuid4().hex[:8]
    refused = {
        "empty.jpg": (b"", "the file is empty"),
        "truncated.jpg": (a_picture((1200, 900))[:6000], "damaged"),
        "text.jpg": (b"hello, I am text", "not a JPEG, PNG, WebP or GIF image"),
        "bomb.png": (a_picture((20_000, 10_000), "1", "PNG"), "50000000"),
    }
    taken = {
        "png-called.jpg": (a_picture((1600, 800), format="PNG"), "png", (800, 400)),
        "cmyk.jpg": (a_picture((1600, 800), "CMYK"), "jpeg", (800, 400)),
        "sixteen-bit.png": (a_picture((900, 900), "I;16", "PNG"), "png", (600, 600)),
        "moving.gif": (
            a_picture((400, 200), "P", "GIF", save_all=True, append_images=[Image.new("P", (400, 200), 9)]),
            "gif",
            (400, 200),
        ),
    }
    assert len(refused["bomb.png"][0]) < 1_000_000
    ids = {name: processor.put(f"{run}-{name}", case[0]) for name, case in (refused | taken).items()}

    for name, (_, reason) in refused.items():
        record = processor.ended(ids[name], "rejected")
        assert reason in record["reason"]
        assert attempts(record) == {"validate": 1}
        assert processor.reasons(ids[name]) == [record["reason"]]
        assert processor.told(ids[name]) == ["image.rejected"]
        assert processor.versions(ids[name]) == {}
        kept = processor.aws.call(
            "s3", "get_object", Bucket=processor.target.output("images.bucket"), Key=f"incoming/{run}-{name}"
        )
        assert kept["Body"].read() == refused[name][0]
    for name, (_, kind, size) in taken.items():
        assert processor.ended(ids[name], "ready")["format"] == kind
        made = processor.versions(ids[name])
        assert {image.size for image in made.values()} == {size}
        assert brightness(made["resized"], (0.1, 0.5)) < 20 < 235 < brightness(made["resized"], (0.9, 0.5)), name


def test_an_event_that_is_delivered_again_and_again_has_one_effect(
    processor: Processor, aws: Aws, outputs: dict[str, Any]
) -> None:
    bucket, name = outputs["images"]["bucket"], f"again-{uuid.uuid4().hex[:8]}.jpg"
    image_id = processor.put(name, a_picture((640, 480)))
    first = processor.ended(image_id, "ready")
    event = {
        "Records": [
            {
                "eventSource": "aws:s3",
                "s3": {
                    "bucket": {"name": bucket},
                    "object": {"key": f"incoming/{name}", "size": 9, "sequencer": first["sequencer"]},
                },
            }
        ]
    }
    for _ in range(3):
        aws.call(
            "lambda", "invoke", FunctionName=outputs["functions"]["image-start"]["arn"], InvocationType="Event",
            Payload=json.dumps(event),
        )  # fmt: skip

    log_group = outputs["functions"]["image-validate"]["log_group"]

    def found_done() -> int:
        return sum(line.get("image_id") == image_id for line in messages_in(aws, log_group, '"delivered again"'))

    wait_for(lambda: found_done() == 3, what="three executions that found it done")
    assert processor.record(image_id) == first
    assert processor.told(image_id) == ["image.ready"]

    processor.put(name, a_picture((300, 300)))
    wait_for(lambda: processor.record(image_id).get("width") == 300, what="the new upload of the key")
    assert processor.told(image_id) == ["image.ready", "image.ready"]


def workers_of(stack: Project, function: str) -> list[int]:
    return [process for process, words in stack.processes().items() if f"-{function}-" in words and "_worker" in words]


def test_a_function_that_dies_half_way_is_tried_again_after_three_seconds(stack: Project, processor: Processor) -> None:
    many_pixels = a_picture((7000, 7000), format="PNG", compress_level=1)
    image_id = processor.put(f"killed-{uuid.uuid4().hex[:8]}.png", many_pixels)
    wait_for(lambda: attempts(processor.record(image_id))["resize"], what="resize at work")
    for process in workers_of(stack, "image-resize"):
        os.kill(process, signal.SIGKILL)

    record = processor.ended(image_id, "ready")
    assert attempts(record) == {"validate": 1, "resize": 2, "filter": 1, "optimise": 1}
    first, second = (datetime.fromisoformat(one["at"]) for one in record["attempts"] if one["step"] == "resize")
    assert second - first >= timedelta(seconds=3)
    assert {image.size for image in processor.versions(image_id).values()} == {(600, 600)}
    assert processor.told(image_id) == ["image.ready"]


def test_a_dead_letter_that_is_put_back_is_worked_on_again(
    processor: Processor, aws: Aws, outputs: dict[str, Any]
) -> None:
    image_id = processor.put(f"bad-{uuid.uuid4().hex[:8]}.jpg", b"nothing that anybody could see")
    processor.ended(image_id, "rejected")
    request = {
        name: processor.record(image_id)[name] for name in ("image_id", "bucket", "key", "correlation_id", "sequencer")
    } | {"origin": "images", "redrives": 1}
    aws.call("sqs", "send_message", QueueUrl=outputs["images"]["requests_url"], MessageBody=json.dumps(request))

    wait_for(lambda: attempts(processor.record(image_id))["validate"] == 2, what="a second look")
    assert processor.reasons(image_id, 2) == ["the file is not a JPEG, PNG, WebP or GIF image"] * 2
    assert processor.told(image_id) == ["image.rejected", "image.rejected"]


def test_a_photo_that_is_announced_twice_at_once_is_filtered_once(processor: Processor) -> None:
    photo_id = f"p-{uuid.uuid4().hex[:12]}"
    image_id = images.id_of_photo(photo_id)
    trial = processor.trial
    trial.afterwards(f"photo {photo_id}", lambda: photos.remove(trial.target, photo_id))
    bucket = processor.target.output("photos.bucket")
    processor.aws.call("s3", "put_object", Bucket=bucket, Key=f"uploads/{photo_id}", Body=photos.photo())
    for _ in range(3):
        processor.announce_photo(photo_id)

    record = processor.ended(image_id, "ready")
    assert {image.size for image in processor.versions(image_id).values()} == {photos.PHOTO_SIZE}
    time.sleep(1)
    assert attempts(processor.record(image_id)) == dict.fromkeys(STEPS, 1)
    assert processor.told(image_id) == ["image.ready"]
    assert [event["origin"] for event in processor.events(image_id)] == ["photos"]
    assert record["key"] == f"uploads/{photo_id}"


def test_a_photo_that_was_removed_meanwhile_leaves_no_trace(
    processor: Processor, aws: Aws, outputs: dict[str, Any]
) -> None:
    photo_id = f"p-{uuid.uuid4().hex[:12]}"
    processor.announce_photo(photo_id)

    log_group = outputs["functions"]["image-validate"]["log_group"]
    wait_for(lambda: messages_in(aws, log_group, f'"c-{photo_id}"')[1:], what="an execution that found nothing")
    wait_for(lambda: not processor.record(images.id_of_photo(photo_id)), what="no record")


def test_the_state_machine_logs_every_state_of_an_execution(
    processor: Processor, aws: Aws, outputs: dict[str, Any]
) -> None:
    image_id = processor.put(f"logged-{uuid.uuid4().hex[:8]}.jpg", a_picture((100, 100)))
    execution = processor.ended(image_id, "ready")["execution"]
    name = outputs["images"]["state_machine_arn"].rpartition(":")[2]

    def look() -> set[str]:
        lines = messages_in(aws, f"/aws/vendedlogs/states/{name}", "")
        return {line["type"] for line in lines if line["execution_arn"] == execution}

    wait_for(lambda: "ExecutionSucceeded" in look(), what="the log of the execution")
    assert {"ExecutionStarted", "TaskStateEntered", "ParallelStateEntered", "TaskSucceeded"} <= look()


def test_a_burst_of_200_uploads_delivered_twice_has_exactly_one_effect_each(target: SmokeTarget) -> None:
    """S1: thumbnails of the right size, records, announcements and filtered versions of all, and none of them twice."""
    burst = send_burst(target, 200, deliver_twice=True)
    assert burst.photos == 200
    assert burst.complete, burst
