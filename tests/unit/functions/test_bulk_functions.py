"""The rules of bulk work: slices, versions, and what is kept of a job that failed."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import events
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

BULK = Path(__file__).parents[3] / "terraform/modules/bulk"


def rules(file: str) -> ModuleType:
    """A function's or a job's rules. They import nothing of their folder, which need not be on the path."""
    spec = importlib.util.spec_from_file_location(f"bulk.{Path(file).stem}", BULK / file)
    assert spec
    assert spec.loader
    made = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


plan = rules("functions/bulk-plan/plan.py")
follow_up = rules("functions/bulk-follow-up/follow_up.py")
versions = rules("jobs/bulk-job/versions.py")

REQUEST = plan.BulkRequest("a-request-1", "corr-1234")


def picture(size: tuple[int, int], kind: str = "JPEG", mode: str = "RGB", orientation: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new(mode, size, 0 if mode == "P" else "teal").save(file, kind, exif=exif)
    return file.getvalue()


def size_of(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        assert not image.getexif()
        return image.size


@given(st.integers(1, 2_000), st.integers(1, 200))
def test_every_photo_is_in_exactly_one_slice_in_order_and_no_slice_is_too_long(photos: int, per_child: int) -> None:
    keys = [f"uploads/{number:05d}" for number in range(photos)]
    slices = plan.slices(keys, per_child)
    assert [key for part in slices for key in part] == keys
    lengths = {len(part) for part in slices}
    assert max(lengths) <= per_child
    assert max(lengths) - min(lengths) <= 1


def test_an_array_never_has_more_children_than_batch_takes() -> None:
    slices = plan.slices([str(number) for number in range(25_000)], 1)
    assert len(slices) == 10_000
    assert sum(map(len, slices)) == 25_000


@pytest.mark.parametrize("count", [0, 100_001])
def test_nothing_to_do_and_too_much_to_do_are_refused(count: int) -> None:
    with pytest.raises(plan.Rejected):
        plan.slices(["k"] * count, 50)


@given(st.permutations([f"uploads/{number}" for number in range(20)]))
def test_the_same_photos_give_the_same_manifest_in_whatever_order_they_were_found(found: list[str]) -> None:
    made = plan.as_bytes(plan.manifest(REQUEST, "photos", [*found, found[0]]))
    assert made == plan.as_bytes(plan.manifest(REQUEST, "photos", sorted(found)))


def test_a_request_takes_what_its_event_says_and_defaults_for_the_rest() -> None:
    made = plan.BulkRequest.of({"request_id": "r-1234567", "correlation_id": "c-1234567", "versions": ["small"]})
    assert (made.source, made.versions, made.photos_per_child) == ("photos", ("small",), 50)
    assert made.job_name == "bulk-r-1234567"


def test_a_photo_gets_each_version_upright_in_its_aspect_and_never_enlarged() -> None:
    made = {each.name: each for each in versions.make_versions(picture((2000, 1000), orientation=6), versions.VERSIONS)}
    sizes = {name: size_of(each.jpeg) for name, each in made.items()}
    assert sizes == {"large": (640, 1280), "medium": (320, 640), "small": (160, 320)}
    assert {name: (each.width, each.height) for name, each in made.items()} == sizes
    [small] = versions.make_versions(picture((100, 50)), ["small"])
    assert size_of(small.jpeg) == (100, 50)


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB"), ("GIF", "P"), ("JPEG", "CMYK"), ("JPEG", "L")]
)
def test_every_kind_that_is_taken_becomes_a_jpeg(kind: str, mode: str) -> None:
    [made] = versions.make_versions(picture((500, 400), kind, mode), ["small"])
    assert size_of(made.jpeg) == (320, 256)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "0 bytes"),
        (b"not an image", "not a JPEG"),
        (picture((300, 300))[:400], "damaged"),
        (picture((8000, 7000), "PNG", "1"), "pixels"),
    ],
    ids=["empty", "text", "truncated", "bomb"],
)
def test_what_can_never_be_a_photo_is_rejected_with_its_reason(content: bytes, why: str) -> None:
    with pytest.raises(versions.Rejected, match=why):
        versions.make_versions(content, ["small"])


def test_the_same_photo_gives_the_same_bytes() -> None:
    once, again = (versions.make_versions(picture((900, 700)), ["medium"])[0].jpeg for _ in range(2))
    assert once == again


def over(**changes: Any) -> dict[str, Any]:
    """The detail of the event of an array's parent."""
    return {
        "jobId": "4c7599ae-0a82-49aa-ba5a-4727fcce14a8",
        "jobName": "bulk-a-request-1",
        "status": "FAILED",
        "statusReason": "Array Child Job failed",
        "createdAt": 1_000,
        "stoppedAt": 13_500,
        "arrayProperties": {"size": 3},
        "parameters": {},
        "container": {
            "command": ["slice", "requests/a-request-1/manifest.json"],
            "environment": [
                {"name": "CORRELATION_ID", "value": "corr-1234"},
                {"name": "REQUEST_ID", "value": "a-request-1"},
            ],
        },
        **changes,
    }


MANIFEST = {"source": "photos", "versions": ["small"], "slices": [["a"], ["b", "c"], ["d"]]}
CHILD = {
    "jobId": "4c7599ae-0a82-49aa-ba5a-4727fcce14a8:1",
    "arrayProperties": {"index": 1},
    "statusReason": "Essential container in task exited",
    "container": {"exitCode": 137},
    "attempts": [{}, {}, {}],
}


def test_a_failed_childs_slice_is_kept_with_its_reason_as_a_request_for_it_alone() -> None:
    job = follow_up.job_in(over())
    failed = [follow_up.failed_part(CHILD)]
    [kept] = follow_up.failures(job, MANIFEST, failed, {0: {"made": 1}, 2: {"made": 1}})
    assert kept.request["detail"]["keys"] == ["b", "c"]
    assert (kept.reason, kept.attempts) == ("Essential container in task exited, exit code 137", 3)
    events.check("bulk.requested", kept.request["detail"])
    assert kept.request["detail"]["request_id"] != job.request_id
    assert kept == follow_up.failures(job, MANIFEST, failed, {})[0]


def test_a_photo_that_can_never_be_one_is_kept_alone_and_its_child_has_succeeded() -> None:
    results = {1: {"made": 1, "rejected": [{"key": "c", "reason": "the image is damaged"}]}}
    [kept] = follow_up.failures(follow_up.job_in(over(status="SUCCEEDED")), MANIFEST, [], results)
    assert (kept.request["detail"]["keys"], kept.reason) == (["c"], "c: the image is damaged")


def test_the_job_of_one_version_that_was_refused_is_kept_once_with_the_photos_reason() -> None:
    detail = over(
        arrayProperties={},
        parameters={"bucket": "b-images", "key": "incoming/x", "name": "images/x", "version": "large"},
        container={"command": ["version", "Ref::bucket"], "environment": [], "exitCode": 65},
    )
    job = follow_up.job_in(detail)
    manifest = follow_up.manifest_of_version(job, {"images": {"bucket": "b-images"}, "photos": {"bucket": "b"}})
    results = {0: {"made": 0, "rejected": [{"key": "incoming/x", "reason": "the original is gone"}]}}
    [kept] = follow_up.failures(job, manifest, [follow_up.failed_part(detail)], results)
    assert kept.reason == "incoming/x: the original is gone"
    assert kept.request["detail"]["source"] == "images"
    assert (kept.request["detail"]["keys"], kept.request["detail"]["versions"]) == (["incoming/x"], ["large"])
    events.check("bulk.requested", kept.request["detail"])


def test_the_end_of_a_job_is_told_with_what_its_children_did() -> None:
    results = {0: {"made": 1, "skipped": 0}, 2: {"made": 0, "skipped": 1, "rejected": [{"key": "d", "reason": "r"}]}}
    job = follow_up.job_in(over())
    told = follow_up.finished(
        job, [follow_up.failed_part(CHILD)], results, "reports/x.json", "2026-11-21T18:00:00+00:00"
    )
    events.check("bulk.finished", told)
    assert told["children"] == {"total": 3, "succeeded": 2, "failed": 1}
    assert told["photos"] == {"made": 1, "skipped": 1, "rejected": 1}
    assert told["seconds"] == 12.5
