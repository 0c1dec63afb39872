from __future__ import annotations

import time
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest
from conftest import CONTEXT, Pipeline, a_photo, batch, s3_event
from correlation import correlation_id_of
from PIL import Image

ALL_DONE: dict[str, Any] = {"batchItemFailures": []}


def failed(*messages: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message} for message in messages]}


def test_a_photo_gets_its_thumbnail_its_record_and_its_announcement(thumbnail: ModuleType, pipeline: Pipeline) -> None:
    event = pipeline.upload("p-1", a_photo((640, 480)))

    assert thumbnail.handler(batch(event), CONTEXT) == ALL_DONE

    made = pipeline.bucket.Object("thumbnails/p-1.jpg").get()
    assert made["ContentType"] == "image/jpeg"
    assert Image.open(BytesIO(made["Body"].read())).size == (256, 192)
    record = pipeline.record("p-1")
    assert record is not None
    assert (record["status"], record["width"], record["height"]) == ("ready", 640, 480)
    assert record["thumbnail"] == {"key": "thumbnails/p-1.jpg", "width": 256, "height": 192}
    assert pipeline.announced() == [
        {"event": "photo.ready", "photo_id": "p-1", "thumbnail_key": "thumbnails/p-1.jpg", "width": 640, "height": 480}
    ]


def test_a_photo_delivered_again_is_recorded_and_announced_once(thumbnail: ModuleType, pipeline: Pipeline) -> None:
    event = pipeline.upload("p-1", a_photo())

    assert thumbnail.handler(batch(event, event), CONTEXT) == ALL_DONE
    first = pipeline.record("p-1")
    assert thumbnail.handler(batch(event), CONTEXT) == ALL_DONE

    assert len(pipeline.announced()) == 1
    assert pipeline.record("p-1") == first


def test_a_corrupt_photo_is_set_aside_with_its_reason_and_the_rest_go_on(
    thumbnail: ModuleType, pipeline: Pipeline
) -> None:
    bad, good = pipeline.upload("bad", a_photo()[:300]), pipeline.upload("good", a_photo())

    assert thumbnail.handler(batch(bad, good), CONTEXT) == ALL_DONE

    [(photo_id, reason, message)] = pipeline.set_aside()
    assert (photo_id, message) == ("bad", bad)
    assert "damaged" in reason
    assert pipeline.record("bad") is None
    assert [announcement["photo_id"] for announcement in pipeline.announced()] == ["good"]


def test_a_file_that_is_too_large_is_set_aside_without_being_fetched(thumbnail: ModuleType, pipeline: Pipeline) -> None:
    assert thumbnail.handler(batch(s3_event("uploads/huge", 10 * 1024 * 1024 + 1)), CONTEXT) == ALL_DONE
    assert [(photo_id, reason.split(";")[0]) for photo_id, reason, _ in pipeline.set_aside()] == [
        ("huge", "the file has 10485761 bytes")
    ]


def test_an_object_that_is_no_upload_is_set_aside_without_an_id(thumbnail: ModuleType, pipeline: Pipeline) -> None:
    assert thumbnail.handler(batch(s3_event("uploads/a/b", 9)), CONTEXT) == ALL_DONE
    assert [photo_id for photo_id, _, _ in pipeline.set_aside()] == ["unknown"]


def test_what_may_work_later_comes_back_alone(thumbnail: ModuleType, pipeline: Pipeline) -> None:
    missing, good = s3_event("uploads/missing", 9), pipeline.upload("good", a_photo())

    assert thumbnail.handler(batch(missing, good), CONTEXT) == failed("m0")

    assert pipeline.set_aside() == []
    assert len(pipeline.announced()) == 1


def test_when_all_of_a_batch_may_work_later_each_comes_back(thumbnail: ModuleType) -> None:
    both = batch(s3_event("uploads/missing", 9), s3_event("uploads/missing-too", 9))
    assert thumbnail.handler(both, CONTEXT) == failed("m0", "m1")


def test_a_photo_whose_announcer_died_is_announced_by_the_next(
    thumbnail: ModuleType, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = pipeline.upload("p-1", a_photo())
    with monkeypatch.context() as broken:
        broken.setattr(thumbnail.store, "TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:not-there")
        assert thumbnail.handler(batch(event), CONTEXT) == failed("m0")

    # Within a minute the other may still be at it: neither announced twice nor taken for done.
    assert thumbnail.handler(batch(event), CONTEXT) == failed("m0")
    assert pipeline.announced() == []

    pipeline.table.update_item(
        Key={"photo_id": "p-1"},
        UpdateExpression="SET claimed_at = :long_ago",
        ExpressionAttributeValues={":long_ago": int(time.time()) - 61},
    )
    assert thumbnail.handler(batch(event), CONTEXT) == ALL_DONE
    assert [announcement["photo_id"] for announcement in pipeline.announced()] == ["p-1"]


def test_two_workers_on_one_photo_announce_it_once(
    thumbnail: ModuleType, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = pipeline.upload("p-1", a_photo())
    put_thumbnail = thumbnail.store.put_thumbnail
    answers: list[dict[str, Any]] = []

    def and_another_worker_overtakes(*arguments: Any) -> None:
        monkeypatch.setattr(thumbnail.store, "put_thumbnail", put_thumbnail)
        answers.append(thumbnail.handler(batch(event), CONTEXT))
        put_thumbnail(*arguments)

    monkeypatch.setattr(thumbnail.store, "put_thumbnail", and_another_worker_overtakes)
    with pytest.raises(thumbnail.InOtherHands):
        thumbnail.make_photo("p-1", "p-1-correlation")

    assert answers == [ALL_DONE]
    assert len(pipeline.announced()) == 1


def test_the_test_event_of_s3_is_no_photo(thumbnail: ModuleType, pipeline: Pipeline) -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}
    assert thumbnail.handler(batch(event), CONTEXT) == ALL_DONE
    assert pipeline.set_aside() == []


def test_a_photo_that_is_removed_while_it_is_announced_stays_removed(
    thumbnail: ModuleType, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = thumbnail.store.publish

    def publish_and_lose(announcement: dict[str, Any], correlation_id: str) -> None:
        publish(announcement, correlation_id)
        pipeline.table.delete_item(Key={"photo_id": "p-1"})

    monkeypatch.setattr(thumbnail.store, "publish", publish_and_lose)
    assert thumbnail.handler(batch(pipeline.upload("p-1", a_photo())), CONTEXT) == ALL_DONE
    assert pipeline.record("p-1") is None


PHOTO = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"


def correlation_id_on(queue: Any) -> Any:
    """What the one message of a queue carries: its own attribute, or that of the notification in it."""
    [message] = queue.receive_messages(MessageAttributeNames=["All"])
    return correlation_id_of({"Body": message.body, "MessageAttributes": message.message_attributes})


def test_log_and_announcement_carry_the_photos_id_on(thumbnail: ModuleType, pipeline: Pipeline) -> None:
    thumbnail.handler(batch(pipeline.upload(PHOTO, a_photo())), CONTEXT)
    assert correlation_id_on(pipeline.announcements) == PHOTO == thumbnail.logger.get_correlation_id()


def test_what_is_set_aside_can_be_followed_back(thumbnail: ModuleType, pipeline: Pipeline) -> None:
    thumbnail.handler(batch(pipeline.upload(PHOTO, b"no photo")), CONTEXT)
    assert correlation_id_on(pipeline.dead_letters) == PHOTO
