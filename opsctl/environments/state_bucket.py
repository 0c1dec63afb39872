"""The bucket that holds the Terraform states, their locks and the records of an account and region."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import Conflict, NotFound
from opsctl.environments.environment import Environment
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws

ARCHIVE = "archive/"


@dataclass(frozen=True)
class State:
    """What Terraform remembers of an environment, without the resources' values.

    Attributes:
        resources: number of managed resource instances.
        types: managed instances by resource type.
        outputs: values of the outputs that are not sensitive.
        ids: (type, id) of every managed instance.
    """

    serial: int
    lineage: str
    terraform_version: str
    types: Mapping[str, int]
    outputs: Mapping[str, Any]
    ids: tuple[tuple[str, str], ...]

    @property
    def resources(self) -> int:
        return sum(self.types.values())


def parse_state(text: str) -> State:
    """Read a state file of format 4 (Terraform >= 0.12).

    Raises:
        ValueError: it is not one.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("version") != 4:
        raise ValueError("not a Terraform state of format 4")
    ids = tuple(
        (resource["type"], str((instance.get("attributes") or {}).get("id", "")))
        for resource in document.get("resources", [])
        if resource["mode"] == "managed"
        for instance in resource["instances"]
    )
    types: dict[str, int] = {}
    for kind, _ in ids:
        types[kind] = types.get(kind, 0) + 1
    outputs = {
        name: output["value"] for name, output in document.get("outputs", {}).items() if not output.get("sensitive")
    }
    return State(document["serial"], document["lineage"], document["terraform_version"], types, outputs, ids)


@dataclass(frozen=True)
class Found:
    """An object as it was read.

    Attributes:
        etag: names this version, for a `replace` or a `remove` that holds only while nobody else wrote.
        age_seconds: since it was written, by the bucket's clock alone (to the second).
    """

    body: bytes
    etag: str
    age_seconds: float


class CorruptState(OpsctlError):
    """The state object is not a Terraform state."""


class StateBucket:
    """The state bucket as seen by one environment. It is an `ObjectStore` for the journal, too."""

    def __init__(self, environment: Environment, aws: Aws) -> None:
        self._environment, self._aws, self.name = environment, aws, environment.state_bucket

    def exists(self) -> bool:
        try:
            self._aws.call("s3", "head_bucket", Bucket=self.name)
        except NotFound:
            return False
        return True

    def state(self) -> State | None:
        """The environment's state, or None before its first apply.

        Raises:
            CorruptState: the object is there and can't be read.
        """
        body = self.read(self._environment.state_key)
        if not body:
            return None
        try:
            return parse_state(body.decode())
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptState(
                f"The state of {self._environment.name} can't be read: it is not a Terraform state.",
                where=f"s3://{self.name}/{self._environment.state_key}",
                next="The bucket is versioned: restore the object's last good version, then run the command again.",
            ) from error

    def read(self, key: str) -> bytes | None:
        try:
            body: bytes = self._aws.call("s3", "get_object", Bucket=self.name, Key=key)["Body"].read()
        except NotFound:
            return None
        return body

    def write(self, key: str, body: bytes) -> None:
        self._aws.call("s3", "put_object", Bucket=self.name, Key=key, Body=body)

    def create(self, key: str, body: bytes) -> bool:
        """Write an object that must not exist yet; False when it does."""
        return self.replace(key, body, None) is not None

    def find(self, key: str) -> Found | None:
        """An object, which version it is and how old; None where there is none."""
        try:
            answer = self._aws.call("s3", "get_object", Bucket=self.name, Key=key)
        except NotFound:
            return None
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        age = max(0.0, (now - answer["LastModified"]).total_seconds())
        return Found(answer["Body"].read(), answer["ETag"], age)

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        """An object and its ETag."""
        found = self.find(key)
        return (found.body, found.etag) if found else None

    def replace(self, key: str, body: bytes, etag: str | None) -> str | None:
        """Write over the version `etag`, or over nothing when it is None; the new ETag, or None: another was first.

        A write whose answer was lost is tried again and then meets itself: who must know looks at what is there.
        Source: S3 User Guide, "How to prevent object overwrites with conditional writes" (409, 412 and 404).
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            answer = self._aws.call("s3", "put_object", Bucket=self.name, Key=key, Body=body, **condition)
        except Conflict:
            return None
        except NotFound:
            if etag is None:
                raise
            return None
        return str(answer["ETag"])

    def remove(self, key: str, *, etag: str | None = None) -> bool:
        """Remove an object, or only its version `etag`; False where another one is there by now.

        Source: S3 User Guide, "How to perform conditional deletes".
        """
        condition = {} if etag is None else {"IfMatch": etag}
        try:
            self._aws.call("s3", "delete_object", Bucket=self.name, Key=key, **condition)
        except Conflict:
            return False
        except NotFound:
            if etag is None:
                raise
            return False
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        for item in self._aws.pages("s3", "list_objects_v2", "Contents", Bucket=self.name, Prefix=prefix):
            yield item["Key"]

    def archive(self, stamp: str) -> str:
        """Move everything of the environment but its journal under archive/<environment>-<stamp>/ and say where.
        Copies come first, so that a crash in between leaves doubles and loses nothing."""
        name = self._environment.name
        own = [key for key in self.keys(f"{name}/") if not key.startswith(f"{name}/journal/")]
        folder = f"{ARCHIVE}{name}-{stamp}/"
        for key in own:
            self._aws.call(
                "s3", "copy_object", Bucket=self.name, CopySource={"Bucket": self.name, "Key": key},
                Key=folder + key.partition("/")[2],
            )  # fmt: skip
        for key in own:
            self.remove(key)
        return f"s3://{self.name}/{folder}"
