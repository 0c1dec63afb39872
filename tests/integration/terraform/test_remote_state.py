"""State in S3 with lock files, and what happens when S3 goes away or Terraform dies with the lock held."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from opsctl.aws import CloudUnreachable
from opsctl.exit_codes import ExitCode
from opsctl.terraform.events import Event
from opsctl.terraform.failures import StateLocked, StateNotSaved

STACK = """
terraform {
  backend "s3" {
    bucket                      = "states"
    key                         = "test/terraform.tfstate"
    region                      = "eu-central-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_requesting_account_id  = true
    skip_region_validation      = true
    max_retries                 = 1
  }
}
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "SLOW"
  }
}
"""


class S3:
    """moto's S3 as a process that can be killed and come back, empty."""

    def __init__(self, port: int) -> None:
        self.port, self.process = port, None

    def start(self) -> None:
        import boto3
        from botocore.config import Config

        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        retries = Config(retries={"total_max_attempts": 40, "mode": "standard"}, s3={"addressing_style": "path"})
        self.client = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", region_name="eu-central-1",
            aws_access_key_id="test", aws_secret_access_key="test", config=retries,
        )  # fmt: skip
        self.client.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def state(self) -> dict[str, object]:
        stored = self.client.get_object(Bucket="states", Key="test/terraform.tfstate")["Body"].read()
        document: dict[str, object] = json.loads(stored)
        return document

    def objects(self) -> list[str]:
        return [item["Key"] for item in self.client.list_objects_v2(Bucket="states").get("Contents", [])]


@pytest.fixture
def s3(monkeypatch) -> Iterator[S3]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    server = S3(port)
    server.start()
    yield server
    server.stop()


def test_a_cloud_that_dies_during_apply_costs_no_state(place, s3):
    place.write(STACK.replace("SLOW", "sleep 2"))

    def kill_at_the_slow_one(event: Event) -> None:
        if "Executing" in event.message:
            s3.stop()

    terraform = place.terraform(on_event=kill_at_the_slow_one)
    terraform.init()
    with pytest.raises(StateNotSaved) as caught:
        terraform.apply(terraform.plan(out=place.plan_file()))
    assert "local cloud is gone" in caught.value.what
    assert caught.value.file is not None
    assert caught.value.file.stat().st_mode & 0o777 == 0o600
    assert not (place.stack / "errored.tfstate").exists()
    left = json.loads((place.work / "run.json").read_text())
    assert left["ended_at"], "the lock could not be released: the record says whose it is"
    with pytest.raises(CloudUnreachable):
        terraform.plan(out=place.plan_file())
    s3.start()
    again = place.terraform()
    again.init()
    assert not again.plan(out=place.plan_file()).has_changes
    assert len(s3.state["resources"]) == 2
    assert any("Put back the state" in event.message for event in place.heard)


def test_the_lock_that_our_own_killed_terraform_left_is_released(place, s3):
    place.write(STACK.replace("SLOW", "sleep 60"))
    driver = place.drive("apply")
    driver.waits_for("Executing")
    os.killpg(driver.terraform_pid, signal.SIGKILL)
    assert driver.ends() == ExitCode.FAILED
    assert "test/terraform.tfstate.tflock" in s3.objects()
    place.write(STACK.replace("SLOW", "true"))
    terraform = place.terraform()
    terraform.init()
    terraform.apply(terraform.plan(out=place.plan_file()))
    assert any("Released the state's lock" in event.message for event in place.heard)
    assert s3.objects() == ["test/terraform.tfstate"]


def test_the_lock_of_somebody_else_is_not_touched_and_names_them(place, s3):
    place.write(STACK.replace("SLOW", "sleep 60"))
    driver = place.drive("apply")
    driver.waits_for("Executing")
    os.killpg(driver.terraform_pid, signal.SIGKILL)
    driver.ends()
    key = "test/terraform.tfstate.tflock"
    lock = json.loads(s3.client.get_object(Bucket="states", Key=key)["Body"].read())
    s3.client.put_object(Bucket="states", Key=key, Body=json.dumps(lock | {"Who": "eve@desk"}).encode())
    terraform = place.terraform()
    terraform.init()
    with pytest.raises(StateLocked) as caught:
        terraform.plan(out=place.plan_file())
    assert "locked by eve@desk since 20" in caught.value.what
    assert "(apply)" in caught.value.what
    assert key in s3.objects()
    terraform.force_unlock(caught.value.id)
    assert terraform.plan(out=place.plan_file()).has_changes
