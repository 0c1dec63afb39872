"""The state bucket outlives the daemon, whatever ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_clouds import ACCOUNT, REGION, client_of

from opsctl.local import LocalCloud

BUCKET = f"opsctl-state-{ACCOUNT}-{REGION}"
STATE = "local/terraform.tfstate"


class Killable:
    """A cloud that can be killed and started again, and its S3."""

    def __init__(self, work: Path) -> None:
        self.cloud = LocalCloud(work, ACCOUNT, REGION)
        self.running = self.cloud.start()

    @property
    def s3(self) -> Any:
        return client_of(self.running, "s3")

    def kill_and_start(self) -> None:
        os.kill(self.running.pid, signal.SIGKILL)
        self.running = self.cloud.start()


@pytest.fixture
def killable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Killable]:
    monkeypatch.setenv("OPSCTL_LOCAL_PORT", "0")
    made = Killable(tmp_path)
    made.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    made.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield made
    made.cloud.stop()


def test_a_state_its_versions_and_its_lock_are_there_again_after_a_kill(killable: Killable) -> None:
    s3 = killable.s3
    for content in (b"first", b"second"):
        s3.put_object(Bucket=BUCKET, Key=STATE, Body=content, ContentType="application/json")
    s3.put_object(Bucket=BUCKET, Key=f"{STATE}.tflock", Body=b"who", IfNoneMatch="*")
    s3.put_object(Bucket=BUCKET, Key="gone", Body=b"x")
    s3.delete_object(Bucket=BUCKET, Key="gone")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})

    killable.kill_and_start()

    s3 = killable.s3
    state = s3.get_object(Bucket=BUCKET, Key=STATE)
    assert (state["Body"].read(), state["ContentType"]) == (b"second", "application/json")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix=STATE)["Versions"]
    assert len([version for version in versions if version["Key"] == STATE]) == 2
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=BUCKET, Key=f"{STATE}.tflock", Body=b"me", IfNoneMatch="*")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=BUCKET, Key="gone")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.list_objects_v2(Bucket="photos")


def test_a_lock_that_cannot_be_written_to_disk_is_refused_and_taken_back(killable: Killable, tmp_path: Path) -> None:
    lock = f"{STATE}.tflock"
    objects = tmp_path / "state" / ACCOUNT / REGION / BUCKET / "objects"
    objects.parent.mkdir(parents=True, exist_ok=True)
    objects.write_text("a file where a folder must be: every write fails")
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        killable.s3.put_object(Bucket=BUCKET, Key=lock, Body=b"who", IfNoneMatch="*")
    objects.unlink()
    killable.s3.put_object(Bucket=BUCKET, Key=lock, Body=b"who", IfNoneMatch="*")


def test_a_deleted_bucket_stays_deleted(killable: Killable) -> None:
    killable.s3.delete_bucket(Bucket=BUCKET)
    killable.kill_and_start()
    assert killable.s3.list_buckets()["Buckets"] == []


def test_reset_sets_the_states_aside_and_the_next_cloud_is_empty(killable: Killable) -> None:
    killable.s3.put_object(Bucket=BUCKET, Key=STATE, Body=b"resources")
    archive = killable.cloud.reset()
    assert archive is not None
    assert [path.read_bytes().endswith(b"resources") for path in archive.rglob("objects/*/0*")] == [True]
    killable.running = killable.cloud.start()
    assert killable.s3.list_buckets()["Buckets"] == []
