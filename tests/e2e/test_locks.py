"""Locks as people meet them: who holds one is named and waited for, and the dead hold nobody up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from opsctl.aws import Access
from opsctl.aws.clients import Aws
from opsctl.environments.locks.lock import Lock, Process
from opsctl.environments.locks.locking import this_process
from opsctl.terraform.run_record import started_ticks
from tests.e2e.project import Project, wait_for

BUCKET = "opsctl-state-111122223333-eu-central-1"
KEY = "locks/local.json"
ELSEWHERE = Process("build-7", 4711, 1, "another boot", "pid:[1]", "another machine")


@pytest.fixture
def bucket(small: Project) -> Aws:
    """The cloud of a project whose state bucket is there."""
    small.opsctl("bootstrap", "local")
    return Aws(Access("eu-central-1", "111122223333", small.json("local", "status")["endpoint_url"]))


def put(aws: Aws, holder: Process) -> None:
    """A lock as another opsctl writes it, just now."""
    now = datetime.now(UTC).isoformat()
    lock = Lock(
        "theirs",
        "local",
        "up",
        "arn:aws:iam::111122223333:user/bob",
        "bob",
        holder,
        "/nowhere",
        now,
        now,
        "a new queue",
    )
    aws.call("s3", "put_object", Bucket=BUCKET, Key=KEY, Body=lock.to_json().encode())


def ended_process() -> Process:
    """One of this machine that is gone."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = replace(this_process(), pid=child.pid, ticks=started_ticks(child.pid))
    child.communicate()
    return process


def test_an_up_killed_in_the_middle_is_followed_by_the_next_without_unlock(small: Project) -> None:
    (small.root / "terraform/environments/local.tfvars").write_text("slow_seconds = 4\n")
    small.opsctl("local", "start")
    killed = small.start("up", "local", "--yes", "--no-smoke", "--why", "a new queue")
    logs = small.root / ".opsctl/environments/local/logs"
    wait_for(
        lambda: any("terraform_data.slow: Provisioning" in log.read_text() for log in logs.glob("*-apply*.log")),
        what="the slow step of the apply",
    )
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    lock = small.json("status", "local")["lock"]
    assert (lock["pid"], lock["command"], lock["why"]) == (killed.pid, "up", "a new queue")
    assert f"process {killed.pid} of this machine has ended" in lock["reason"]
    again = small.opsctl("up", "local", "--yes", "--no-smoke")
    assert f"Took over the lock of {lock['user']}'s opsctl up" in again.stderr
    assert "no changes" in again.stdout
    status = small.json("status", "local")
    assert (status["phase"], status["resources"], status["lock"]) == ("up", 6, None)
    records = json.loads(small.opsctl("history", "local", "--json").stdout)
    assert "abandoned" in json.dumps(records)


def test_another_machine_s_lock_is_named_refused_waited_for_and_released_only_when_its_holder_is_gone(
    small: Project, bucket: Aws
) -> None:
    put(bucket, ELSEWHERE)
    refused = small.opsctl("up", "local", "--yes", "--no-smoke", status=6)
    for word in ("bob", "build-7", "4711", "opsctl up", "why: a new queue", "sign of life", "--lock-wait"):
        assert word in refused.stderr
    assert small.json("status", "local")["phase"] == "busy"

    kept = small.opsctl("unlock", "local", "--yes", status=5)
    assert "build-7" in kept.stderr
    assert "--force --name local" in kept.stderr
    small.opsctl("unlock", "local", "--force", "--name", "loca", status=2)
    assert small.json("status", "local")["lock"]["host"] == "build-7"

    put(bucket, ended_process())
    assert small.json("status", "local")["lock"]["state"] == "orphaned"
    assert "with --yes" in small.opsctl("unlock", "local", status=5).stderr
    released = small.json("unlock", "local", "--yes")
    assert (released["released"], released["forced"], released["lock"]["user"]) == (True, False, "bob")
    assert not small.json("unlock", "local", "--yes")["released"]

    put(bucket, ELSEWHERE)
    waiting = small.start("down", "local", "--yes", "--lock-wait", "60")
    assert waiting.stderr is not None
    said = ""
    while "Waiting up to 60 s" not in said:
        line = waiting.stderr.readline()
        assert line, f"it did not wait: {said}"
        said += line
    assert waiting.poll() is None
    bucket.call("s3", "delete_object", Bucket=BUCKET, Key=KEY)
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, out + err
