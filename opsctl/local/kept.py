"""What the local cloud keeps on disk of its state buckets. Can be read whether it runs or not.

Below the state folder: `ACCOUNT/REGION/BUCKET/settings/NAME` (one per sub-resource) and `…/objects/KEY/NUMBER`, a file
per version: a line of JSON (headers, whether it is a deletion), then the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote


@dataclass(frozen=True)
class Version:
    """One version of an object as kept: the headers to store it again with, or a deletion."""

    headers: dict[str, str]
    deleted: bool
    body: bytes

    def encode(self) -> bytes:
        about = {"headers": self.headers, "deleted": self.deleted}
        return json.dumps(about).encode() + b"\n" + self.body

    @staticmethod
    def decode(data: bytes) -> Version:
        about, _, body = data.partition(b"\n")
        return Version(**json.loads(about), body=body)


@dataclass(frozen=True)
class KeptObject:
    """An object of a state bucket, on disk."""

    account_id: str
    bucket: str
    key: str
    folder: Path

    def body(self) -> bytes | None:
        """Its newest version; None when that is a deletion."""
        newest = max(self.folder.glob("[0-9]*"), default=None)
        version = Version.decode(newest.read_bytes()) if newest else None
        return None if version is None or version.deleted else version.body


def kept_objects(state_folder: Path) -> Iterator[KeptObject]:
    """Every object of every account, deleted ones included."""
    for folder in sorted(state_folder.glob("*/*/*/objects/*")):
        account_id, _, bucket, _, key = folder.relative_to(state_folder).parts
        yield KeptObject(account_id, bucket, unquote(key), folder)
