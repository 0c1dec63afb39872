"""What a bulk request becomes: a manifest of slices, one for each child of an array job. No AWS here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LARGEST_ARRAY = 10_000  # quota "Maximum array size" of AWS Batch
LARGEST_REQUEST = 100_000  # photos; their manifest, which each child reads, has about 6 MB
PHOTOS_PER_CHILD = 50
VERSIONS = ("small", "medium", "large")


class Rejected(ValueError):
    """A request that can't be planned, however often it is tried. The message says why."""


@dataclass(frozen=True)
class BulkRequest:
    """What is to be made anew.

    Attributes:
        source: short name of the bucket of originals.
        prefix: which of its photos, unless `keys` names them; within the folder of originals.
    """

    request_id: str
    correlation_id: str
    source: str = "photos"
    prefix: str = ""
    keys: tuple[str, ...] = ()
    versions: tuple[str, ...] = VERSIONS
    photos_per_child: int = PHOTOS_PER_CHILD

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> BulkRequest:
        """From the detail of a bulk.requested event that its schema let through."""
        lists = {name: tuple(detail[name]) for name in ("keys", "versions") if name in detail}
        rest = {name: detail[name] for name in ("source", "prefix", "photos_per_child") if name in detail}
        return cls(detail["request_id"], detail["correlation_id"], **rest, **lists)

    @property
    def job_name(self) -> str:
        """The same request has a job of the same name: how a second delivery finds it."""
        return f"bulk-{self.request_id}"


def slices(keys: Sequence[str], photos_per_child: int) -> list[list[str]]:
    """The photos, in order, in as many slices as children are needed: none differs from another by more than one photo.

    Raises:
        Rejected: nothing to do, or too much for one request.
    """
    if not keys:
        raise Rejected("there is no such photo")
    if len(keys) > LARGEST_REQUEST:
        raise Rejected(f"more than {LARGEST_REQUEST} photos: ask for them in parts, by prefix")
    size = min(-(-len(keys) // photos_per_child), LARGEST_ARRAY)
    return [list(keys[index * len(keys) // size : (index + 1) * len(keys) // size]) for index in range(size)]


def manifest(request: BulkRequest, bucket: str, keys: Sequence[str]) -> dict[str, Any]:
    """What all children read. The same photos give the same manifest, in whatever order they were found.

    Raises:
        Rejected: as `slices`.
    """
    return {
        "request_id": request.request_id,
        "correlation_id": request.correlation_id,
        "source": request.source,
        "bucket": bucket,
        "versions": list(request.versions),
        "slices": slices(sorted(set(keys)), request.photos_per_child),
    }


def as_bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
