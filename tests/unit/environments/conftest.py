"""An environment whose outside is in memory: a bucket, a cloud that can be restarted, a Terraform that does as told."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws import Access
from opsctl.aws.clients import Identity
from opsctl.aws.errors import Conflict, NotFound
from opsctl.environments.environment import Environment, Target
from opsctl.environments.ports import Ports
from opsctl.environments.state_bucket import StateBucket
from opsctl.journal import Journal

EPOCH = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class FrozenClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class MemoryAws:
    """The calls that environments make, over dictionaries: buckets, and resources by tag.

    Attributes:
        clock: the cloud's own; objects are dated by it.
    """

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {}
        self.tagged: list[str] = []
        self.secrets: dict[str, str] = {}
        self.instances: dict[str, str] = {}
        self.calls: list[str] = []
        self.clock = FrozenClock()
        self.written: dict[tuple[str, str], float] = {}

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> Any:
        self.calls.append(operation)
        return getattr(self, operation)(**parameters)

    def pages(self, service: str, operation: str, key: str, *, region: str | None = None, **parameters: Any) -> Any:
        self.calls.append(operation)
        return iter(getattr(self, operation)(**parameters))

    def of_account(self, account_id: str) -> MemoryAws:
        return self

    def map(self, function: Callable[[Any], Any], items: list[Any], *, concurrency: int = 8) -> list[Any]:
        return [function(item) for item in items]

    def head_bucket(self, Bucket: str) -> None:  # noqa: N803
        self._bucket(Bucket)

    def create_bucket(self, Bucket: str, **rest: Any) -> None:  # noqa: N803
        self.buckets[Bucket] = {}

    def put_bucket_versioning(self, **rest: Any) -> None: ...
    def put_bucket_encryption(self, **rest: Any) -> None: ...
    def put_public_access_block(self, **rest: Any) -> None: ...
    def put_bucket_policy(self, **rest: Any) -> None: ...

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        try:
            body = self._bucket(Bucket)[Key]
        except KeyError:
            raise NotFound(Key) from None
        now, written = self.clock.monotonic(), self.written.get((Bucket, Key), 0.0)
        return {
            "Body": io.BytesIO(body), "ETag": etag(body), "LastModified": EPOCH + timedelta(seconds=written),
            "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(EPOCH + timedelta(seconds=now), usegmt=True)}},
        }  # fmt: skip

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "", IfMatch: str = "") -> Any:  # noqa: N803
        if IfNoneMatch and Key in self._bucket(Bucket):
            raise Conflict(Key)
        self._require(Bucket, Key, IfMatch)
        self._bucket(Bucket)[Key], self.written[Bucket, Key] = Body, self.clock.monotonic()
        return {"ETag": etag(Body)}

    def delete_object(self, Bucket: str, Key: str, IfMatch: str = "") -> None:  # noqa: N803
        self._require(Bucket, Key, IfMatch)
        self._bucket(Bucket).pop(Key, None)

    def copy_object(self, Bucket: str, Key: str, CopySource: dict[str, str]) -> None:  # noqa: N803
        self._bucket(Bucket)[Key] = self._bucket(CopySource["Bucket"])[CopySource["Key"]]

    def list_objects_v2(self, Bucket: str, Prefix: str) -> Iterator[dict[str, str]]:  # noqa: N803
        return iter([{"Key": key} for key in self._bucket(Bucket) if key.startswith(Prefix)])

    def list_object_versions(self, Bucket: str) -> list[dict[str, str]]:  # noqa: N803
        return [{"Key": key, "VersionId": "null"} for key in self._bucket(Bucket)]

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> None:  # noqa: N803
        assert len(Delete["Objects"]) <= 1000
        for item in Delete["Objects"]:
            del self._bucket(Bucket)[item["Key"]]

    def get_resources(self, TagFilters: list[Any]) -> list[str]:  # noqa: N803
        return list(self.tagged)

    def describe_key(self, KeyId: str) -> Any:  # noqa: N803
        return {"KeyMetadata": {"KeyState": "PendingDeletion", "DeletionDate": datetime(2026, 12, 1, tzinfo=UTC)}}

    def describe_instances(self, InstanceIds: list[str]) -> Any:  # noqa: N803
        return {"Reservations": [{"Instances": [{"State": {"Name": self.instances[one]}} for one in InstanceIds]}]}

    def _require(self, bucket: str, key: str, tag: str) -> None:
        if tag and key not in self._bucket(bucket):
            raise NotFound(key)
        if tag and etag(self._bucket(bucket)[key]) != tag:
            raise Conflict(key)

    def _bucket(self, name: str) -> dict[str, bytes]:
        if name not in self.buckets:
            raise NotFound(name)
        return self.buckets[name]


def etag(body: bytes) -> str:
    """What S3 calls a version: opaque to us, here the MD5 of the bytes."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


class ScriptedTerraform:
    """Plans what the test says and applies by writing the state that the test says."""

    def __init__(self) -> None:
        self.changes: dict[str, int] = {}
        self.functions: tuple[Any, ...] = ()
        self.applied = 0
        self.on_apply: Callable[[], None] = lambda: None
        self.binary = SimpleNamespace(version="1.11.4")
        self.provider = SimpleNamespace(version="5.100.0")

    def init(self, **settings: Any) -> None: ...

    def plan(self, *, destroy: bool = False, **rest: Any) -> Any:
        counts = {
            kind: [SimpleNamespace(address=f"test.{kind}[{number}]") for number in range(self.changes.get(kind, 0))]
            for kind in ("created", "updated", "replaced", "deleted")
        }
        return SimpleNamespace(
            **counts, has_changes=any(counts.values()), sha256="f" * 64, meaning="m" * 64, functions=self.functions
        )

    def apply(self, plan: Any) -> None:
        self.applied += 1
        self.on_apply()


@pytest.fixture
def terraform() -> ScriptedTerraform:
    return ScriptedTerraform()


@pytest.fixture
def aws() -> MemoryAws:
    return MemoryAws()


@pytest.fixture
def ports(tmp_path: Path, aws: MemoryAws, terraform: ScriptedTerraform) -> Ports:
    """A local environment in the cloud life "first"; its Terraform files exist and hold nothing."""
    folder = tmp_path / "terraform"
    environment = Environment(
        name="local", target=Target.LOCAL, project="shop", account_id="111122223333", region="eu-central-1",
        profile=None, stack=folder / "stack", variables_file=folder / "local.tfvars",
        backend_file=folder / "local.s3.tfbackend", work=tmp_path / "work",
    )  # fmt: skip
    for file in (environment.stack / "main.tf", environment.variables_file, environment.backend_file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    (folder / "modules").mkdir()
    environment.work.mkdir()
    bucket = StateBucket(environment, aws)  # type: ignore[arg-type]
    return Ports(
        environment=environment, access=Access("eu-central-1", "111122223333", "http://127.0.0.1:1"),
        aws=aws, identity=Identity("111122223333", "arn:aws:iam::111122223333:user/ada", "ada"), bucket=bucket,  # type: ignore[arg-type]
        journal=Journal(bucket, "local"), terraform=lambda: terraform, on_event=lambda event: None,  # type: ignore[arg-type,return-value]
        incarnation="first", clock=aws.clock,
    )  # fmt: skip
