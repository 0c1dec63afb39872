"""The checks of photos and images: what becomes of one that is sent, of one that is put, and of one that is none."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from opsctl.smoke import images, jpeg, photos, version_jobs
from opsctl.smoke.check import CheckFailed, Trial, expect

SETTLE_SECONDS = 2
"""Time for a second announcement that must not come."""
CLOCKS_DIFFER_SECONDS = 5


def photo_path(trial: Trial) -> Mapping[str, Any]:
    announcements = photos.Announcements.listen(trial)
    photo_id = photos.send(trial, photos.photo())
    uploaded = trial.seconds
    expect_ready(trial, photo_id)
    ready = trial.seconds
    expect_announced_once(trial, announcements, photo_id)
    return {"seconds_to_upload": round(uploaded, 3), "seconds_from_upload_to_ready": round(ready - uploaded, 3)}


def presigned_path(trial: Trial) -> Mapping[str, Any]:
    photo = photos.photo()
    body = json.dumps({"content_type": "image/jpeg", "content_length": len(photo)}).encode()
    answer = trial.request("POST", "/v1/photos/presign", body=body, content_type="application/json")
    expect(answer.status == 201, str(answer))
    photo_id = photos.remember(trial, photos.id_in(answer))
    given = answer.json()
    expect(isinstance(given.get("url"), str), f"the answer to a presign has no url; it has {sorted(given)}")
    put = trial.edge.request("PUT", given["url"], headers=given.get("headers") or {}, body=photo)
    expect(put.status == 200, str(put))
    expect_ready(trial, photo_id)
    return {"expires_seconds": given.get("expires_seconds")}


def corrupt_photo(trial: Trial) -> Mapping[str, Any]:
    letters = photos.DeadLetters.search(trial)
    bad = photos.send(trial, photos.corrupt_photo())
    good = photos.send(trial, photos.photo())
    letter = trial.until(f"the corrupt photo {bad} in the dead-letter queue", lambda: letters.take(bad))
    reason = letter.get("reason", "").strip()
    expect(reason, f"the dead letter of {bad} says no reason")
    expect_ready(trial, good)
    expect(photos.record(trial.target, bad) is None, f"the corrupt photo {bad} has a record")
    return {"reason": reason}


def image_path(trial: Trial) -> Mapping[str, Any]:
    results = photos.Announcements.listen(trial, "images.topic_arn", "image_id")
    letters = photos.DeadLetters.search(trial, "images.dead_letter_queue_url", "image_id")
    begun = time.time() - CLOCKS_DIFFER_SECONDS
    image_id = images.put(trial, f"smoke-{trial.id}.jpg", photos.photo())
    trial.afterwards(f"the jobs of {image_id}", partial(version_jobs.forget, trial, image_id, begun))
    bad_id = images.put(trial, f"smoke-{trial.id}-corrupt.jpg", photos.corrupt_photo())
    images.wait_until(trial, image_id, "ready")
    images.wait_until(trial, bad_id, "rejected")
    made = {name: jpeg.pixel_size(content) for name, content in images.versions(trial.target, image_id).items()}
    expect(sorted(made) == list(images.VERSIONS), f"the versions of {image_id} are {sorted(made)}")
    expect(set(made.values()) == {photos.PHOTO_SIZE}, f"a photo of {photos.PHOTO_SIZE} pixels got versions of {made}")
    letter = trial.until(f"{bad_id} in the dead-letter queue", lambda: letters.take(bad_id))

    def told_of_both() -> bool:
        results.poll()
        return bool(results.of(image_id) and results.of(bad_id))

    trial.until(f"the messages about {image_id} and {bad_id}", told_of_both)
    results.settle(trial, SETTLE_SECONDS)
    told = {about: [message["event"] for message in results.of(about)] for about in (image_id, bad_id)}
    expect(told == {image_id: ["image.ready"], bad_id: ["image.rejected"]}, f"what was told: {told}")
    return {
        "versions": made,
        "reason": letter.get("reason", ""),
        "by_batch": version_jobs.expect_all(trial, image_id, begun),
    }


def expect_ready(trial: Trial, photo_id: str) -> None:
    """The photo is ready for the API, its thumbnail for everybody, and its record is in the table."""
    shown = photos.wait_until_ready(trial, photo_id)
    expect(
        (shown.get("width"), shown.get("height")) == photos.PHOTO_SIZE,
        f"the record says {shown.get('width')} x {shown.get('height')} pixels for a photo that people see as"
        f" {photos.PHOTO_SIZE[0]} x {photos.PHOTO_SIZE[1]}",
    )
    answer = trial.get(f"/thumbnails/{photo_id}.jpg")
    expect(answer.status == 200, str(answer))
    try:
        size = jpeg.pixel_size(answer.body)
    except ValueError as error:
        raise CheckFailed(f"the thumbnail of {photo_id} is {error}") from error
    width, height = photos.expected_thumbnail(photos.PHOTO_SIZE)
    expect(
        photos.has_thumbnail_size(size),
        f"the thumbnail is {size[0]} x {size[1]} pixels; {width:.0f} x {height:.0f} keep the photo's aspect and turn",
    )
    expect(photos.record(trial.target, photo_id), f"there is no record of {photo_id} in the table")
    if images.are_in(trial.target):
        images.wait_until(trial, images.id_of_photo(photo_id), "ready")
    trial.evidence["thumbnail"] = {"width": size[0], "height": size[1], "bytes": len(answer.body)}


def expect_announced_once(trial: Trial, announcements: photos.Announcements, photo_id: str) -> None:
    def look() -> bool:
        announcements.poll()
        return bool(announcements.of(photo_id))

    trial.until(f"the announcement of {photo_id}", look)
    announcements.settle(trial, SETTLE_SECONDS)
    announced = announcements.of(photo_id)
    expect(len(announced) == 1, f"{photo_id} was announced {len(announced)} times")
    expect(announced[0].get("event") == "photo.ready", f"the announcement of {photo_id} is {announced[0]}")
    trial.evidence["announcement"] = {key: value for key, value in announced[0].items() if key != "sent_at"}
