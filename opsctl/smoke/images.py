"""The image processor as a smoke test sees it: an image is put into its bucket, versions come, all is taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.target import SmokeTarget

VERSIONS = ("greyscale", "resized", "sharpened")
BOX = (800, 600)


def are_in(target: SmokeTarget) -> bool:
    """Whether the environment has an image processor."""
    return "images" in target.outputs


def id_of_photo(photo_id: str) -> str:
    """A photo's id in the image processor."""
    return f"photos/{photo_id}"


def put(trial: Trial, name: str, body: bytes) -> str:
    """Put an image into its bucket as `name`; returns its id. All that it leads to is removed when the trial ends."""
    image_id = f"images/{name}"

    def take_back() -> None:
        let_end(trial, image_id)
        remove(trial.target, image_id)

    trial.afterwards(f"image {image_id}", take_back)
    trial.aws.call("s3", "put_object", Bucket=trial.target.output("images.bucket"), Key=f"incoming/{name}", Body=body)
    return image_id


def record(target: SmokeTarget, image_id: str) -> dict[str, Any] | None:
    """The image's DynamoDB item in DynamoDB's own JSON; None when there is none."""
    answer = target.aws.call(
        "dynamodb", "get_item", TableName=target.output("images.table"), Key={"image_id": {"S": image_id}},
        ConsistentRead=True,
    )  # fmt: skip
    item: dict[str, Any] | None = answer.get("Item")
    return item


def wait_until(trial: Trial, image_id: str, status: str) -> Mapping[str, Any]:
    """The image's record, once it has come to an end, which must be this one: ready, rejected or failed."""

    def look() -> Mapping[str, Any] | None:
        item = record(trial.target, image_id)
        return item if item and item["status"]["S"] != "processing" else None

    item = trial.until(f"the end of processing {image_id}", look)
    said = item["status"]["S"]
    expect(said == status, f"{image_id} is {said}, not {status}: {item.get('reason', {}).get('S', 'no reason given')}")
    return item


def let_end(trial: Trial, image_id: str) -> None:
    """Give processing that is under way some seconds to end: what is removed meanwhile would fail, and be set aside."""

    def at_rest() -> bool:
        item = record(trial.target, image_id)
        return not item or item["status"]["S"] != "processing"

    with contextlib.suppress(CheckFailed):
        trial.until(f"the end of processing {image_id}", at_rest, within_seconds=10)


def versions(target: SmokeTarget, image_id: str) -> dict[str, bytes]:
    """The finished versions of an image, by their names."""
    bucket = target.output("images.bucket")
    keys = target.aws.pages("s3", "list_objects_v2", "Contents[].Key", Bucket=bucket, Prefix=f"{image_id}/")
    return {
        key.removeprefix(f"{image_id}/").removesuffix(".jpg"): target.aws.call(
            "s3", "get_object", Bucket=bucket, Key=key
        )["Body"].read()
        for key in keys
        if key
    }


def expected_size(size: tuple[int, int]) -> tuple[float, float]:
    """Width and height, not yet rounded, of an upright image (width, height) that was shrunk into 800 x 600."""
    scale = min(1.0, BOX[0] / size[0], BOX[1] / size[1])
    return size[0] * scale, size[1] * scale


def remove(target: SmokeTarget, image_id: str) -> None:
    """Remove an image's objects (every version) and its record. Nothing there is fine."""
    bucket = target.output("images.bucket")
    _, _, name = image_id.partition("/")
    if image_id.startswith("images/"):
        remove_objects(target, bucket, f"incoming/{name}")
    for folder in (f"{image_id}/", f"work/{image_id}/"):
        remove_objects(target, bucket, folder)
    target.aws.call(
        "dynamodb", "delete_item", TableName=target.output("images.table"), Key={"image_id": {"S": image_id}}
    )


def remove_objects(target: SmokeTarget, bucket: str, key: str) -> None:
    """Remove every version of an object, or, if the key ends in a slash, of all below it."""
    found = target.aws.pages("s3", "list_object_versions", "[Versions, DeleteMarkers][]", Bucket=bucket, Prefix=key)
    for version in [version for version in found if version and (key.endswith("/") or version["Key"] == key)]:
        target.aws.call("s3", "delete_object", Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
