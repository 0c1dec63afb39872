"""The checks, as data. Adding one is writing a function and adding a line to `CHECKS`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from opsctl.smoke import bulk, checkouts, guards, images, jpeg, orders, photos, realtime, streams, workflows
from opsctl.smoke.check import Check, CheckFailed, Trial, expect
from opsctl.smoke.edge_checks import EDGE_CHECKS

# Time for a second announcement that must not come.
SETTLE_SECONDS = 2


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
    image_id = images.put(trial, f"smoke-{trial.id}.jpg", photos.photo())
    bad_id = images.put(trial, f"smoke-{trial.id}-corrupt.jpg", photos.corrupt_photo())
    images.wait_until(trial, image_id, "ready")
    images.wait_until(trial, bad_id, "rejected")
    made = {name: jpeg.pixel_size(content) for name, content in images.versions(trial.target, image_id).items()}
    expect(sorted(made) == list(images.VERSIONS), f"the versions of {image_id} are {sorted(made)}")
    expect(set(made.values()) == {photos.PHOTO_SIZE}, f"a photo of {photos.PHOTO_SIZE} pixels got versions of {made}")
    letter = trial.until(f"{bad_id} in the dead-letter queue", lambda: letters.take(bad_id))
    trial.until(f"the messages about {image_id} and {bad_id}", lambda: results.poll() and len(results.seen) >= 2)
    while results.poll(wait_seconds=SETTLE_SECONDS):
        pass
    told = {about: [message["event"] for message in results.of(about)] for about in (image_id, bad_id)}
    expect(told == {image_id: ["image.ready"], bad_id: ["image.rejected"]}, f"what was told: {told}")
    return {"versions": made, "reason": letter.get("reason", "")}


def order_path(trial: Trial) -> Mapping[str, Any]:
    placed = orders.place(trial)
    order_id = placed["order_id"]
    trial.afterwards(f"order {order_id}", partial(orders.remove, trial, order_id))
    total = placed.get("total_cents")
    expect(total == orders.SAMPLE_TOTAL_CENTS, f"the order's total is {total}, not {orders.SAMPLE_TOTAL_CENTS}")
    seconds_to_place = trial.seconds
    seen = orders.read(trial, order_id)
    expect(seen.get("customer") == orders.SAMPLE["customer"], f"the order was read back as {seen}")
    changed = orders.send(trial, "PUT", f"/v1/orders/{order_id}", {**orders.SAMPLE, "status": "cancelled"})
    expect(changed.status == 200 and orders.document(changed).get("status") == "cancelled", str(changed))
    deleted = trial.request("DELETE", f"/v1/orders/{order_id}")
    expect(deleted.status == 204, str(deleted))
    gone = trial.get(f"/v1/orders/{order_id}")
    expect(gone.status == 404, f"a deleted order: {gone}")
    return {"order_id": order_id, "seconds_to_place": round(seconds_to_place, 3)}


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
    while announcements.poll(wait_seconds=SETTLE_SECONDS):
        pass
    announced = announcements.of(photo_id)
    expect(len(announced) == 1, f"{photo_id} was announced {len(announced)} times")
    expect(announced[0].get("event") == "photo.ready", f"the announcement of {photo_id} is {announced[0]}")
    trial.evidence["announcement"] = {key: value for key, value in announced[0].items() if key != "sent_at"}


CHECKS: tuple[Check, ...] = (
    *EDGE_CHECKS,
    Check(
        "photo-path", "A photo sent through the edge gets its thumbnail, its record and exactly one announcement.",
        photo_path, 60, frozenset({"photos", "api"}),
    ),
    Check(
        "presigned-path", "A photo put to a presigned URL gets its thumbnail and its record.",
        presigned_path, 60, frozenset({"photos", "api"}),
    ),
    Check(
        "corrupt-photo", "A corrupt photo ends in the dead-letter queue with its reason; a good one goes on.",
        corrupt_photo, 60, frozenset({"photos"}),
    ),
    Check(
        "image-path", "An image in its bucket gets its versions and one message; a corrupt one is rejected.",
        image_path, 60, frozenset({"images", "systems"}),
    ),
    Check(
        "realtime-path", "A signed-in client hears of a photo by WebSocket, once; without a token nobody connects.",
        realtime.realtime_path, 60, frozenset({"realtime", "photos"}), "realtime-not-told",
    ),
    Check(
        "order-path", "An order travels the whole way to MySQL and back: placed, read, changed, deleted.",
        order_path, 60, frozenset({"orders", "api"}), "service-unhealthy-targets",
    ),
    Check(
        "checkout-path", "A checkout sent three times is reserved and paid once; a declined card gives the stock back.",
        checkouts.checkout_path, 60, frozenset({"orders", "api"}),
    ),
    Check(
        "list-path", "A list is transformed and announced; a wrong one is refused with its reason, and has no result.",
        workflows.list_path, 60, frozenset({"workflows"}),
    ),
    Check(
        "approval-path", "A release waits for an approval, which counts once, and then goes on.",
        workflows.approval_path, 60, frozenset({"workflows", "api"}),
    ),
    Check(
        "stream-path", "An order's changes, put twice, reach both consumers of the stream once and in order.",
        streams.stream_path, 60, frozenset({"streams", "orders"}), "stream-backlog",
    ),
    Check(
        "bus-path", "One event reaches every consumer of the bus; one of them writes an e-mail.",
        streams.bus_path, 60, frozenset({"events", "orders"}), "rule-failures",
    ),
    Check(
        "bulk-path", "An array job makes photos anew, a slice for each child, and its end is followed up.",
        bulk.bulk_path, 240, frozenset({"bulk", "systems"}), "bulk-job-failed",
    ),
    Check(
        "authorizer", "Without a good token there is 401, without its scope or with a wrong key 403.",
        guards.authorizer, 30, frozenset({"api", "guards"}),
    ),
)  # fmt: skip
