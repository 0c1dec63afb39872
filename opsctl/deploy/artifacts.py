"""The service's artifacts: `service/<sha256>.jar` in its bucket, never changed once it is there."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.aws.errors import NotFound
from opsctl.deploy.migrations import Migrations, read_migrations
from opsctl.errors import OpsctlError
from opsctl.files import sha256_of

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws

PREFIX = "service/"
KEY = re.compile(r"service/([0-9a-f]{64})\.jar")


class ArtifactGone(OpsctlError):
    """An artifact is neither in the bucket nor on this machine."""


@dataclass(frozen=True)
class Artifact:
    """One in the bucket.

    Attributes:
        at: when it was put there; aware.
    """

    sha256: str
    size_bytes: int
    at: datetime


class Artifacts:
    """The artifacts in one bucket."""

    def __init__(self, aws: Aws, bucket: str) -> None:
        self._aws, self._bucket = aws, bucket

    def all(self) -> list[Artifact]:
        """All of them, the newest first."""
        listed = self._aws.pages("s3", "list_objects_v2", "Contents[]", Bucket=self._bucket, Prefix=PREFIX)
        found = [
            Artifact(match[1], int(one["Size"]), one["LastModified"])
            for one in listed
            if (match := KEY.fullmatch(one["Key"]))
        ]
        return sorted(found, key=lambda artifact: artifact.at, reverse=True)

    def has(self, sha256: str) -> bool:
        """Whether it is there, whole. S3 says its digest; of one that Terraform put there in parts, the bytes do."""
        try:
            head = self._aws.call("s3", "head_object", Bucket=self._bucket, Key=_key(sha256), ChecksumMode="ENABLED")
        except NotFound:
            return False
        said = head.get("ChecksumSHA256")
        if said and "-" not in said:  # a dash: the digest of the parts' digests
            return bool(said == _base64(sha256))
        return hashlib.sha256(self._body(sha256)).hexdigest() == sha256

    def put(self, sha256: str, file: Path) -> None:
        """Put a file there under its digest, which S3 proves.

        Raises:
            ArtifactGone: the file is not there, or another by now.
        """
        if not file.is_file() or sha256_of(file) != sha256:
            raise ArtifactGone(f"The artifact {sha256[:12]} is not there any more.", where=str(file))
        self._aws.call(
            "s3", "put_object", Bucket=self._bucket, Key=_key(sha256), Body=file.read_bytes(),
            ContentType="application/java-archive", ChecksumSHA256=_base64(sha256),
        )  # fmt: skip

    def migrations(self, sha256: str) -> Migrations:
        """What it brings for the schema.

        Raises:
            NotTheService, NotFound
        """
        return read_migrations(io.BytesIO(self._body(sha256)), f"s3://{self._bucket}/{_key(sha256)}")

    def _body(self, sha256: str) -> bytes:
        body: bytes = self._aws.call("s3", "get_object", Bucket=self._bucket, Key=_key(sha256))["Body"].read()
        return body


def _key(sha256: str) -> str:
    return f"{PREFIX}{sha256}.jar"


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
