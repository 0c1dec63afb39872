"""What commands leave behind, as `opsctl history` shows it, and that no hand in the bucket goes unnoticed."""

from __future__ import annotations

import os
import signal
from typing import Any

from opsctl.aws import Access
from opsctl.aws.clients import Aws
from tests.e2e.project import Project, interrupt, wait_for

BUCKET = "opsctl-state-111122223333-eu-central-1"
HEAD = "heads/local.json"


def key(number: int) -> str:
    return f"local/journal/{number:08d}.json"


def bucket_of(project: Project) -> Aws:
    return Aws(Access("eu-central-1", "111122223333", project.json("local", "status")["endpoint_url"]))


def read(aws: Aws, name: str) -> bytes:
    body: bytes = aws.call("s3", "get_object", Bucket=BUCKET, Key=name)["Body"].read()
    return body


def put(aws: Aws, name: str, body: bytes) -> None:
    aws.call("s3", "put_object", Bucket=BUCKET, Key=name, Body=body)


def remove(aws: Aws, name: str) -> None:
    aws.call("s3", "delete_object", Bucket=BUCKET, Key=name)


def findings(project: Project) -> list[str]:
    """What --verify complains of."""
    verification = project.json("history", "local", "--verify", status=3)["verification"]
    assert not verification["whole"]
    return [finding["kind"] for finding in verification["findings"]]


def begin_a_slow_up(project: Project) -> Any:
    variables = project.root / "terraform/environments/local.tfvars"
    variables.write_text("slow_seconds = 30\n")
    logs = project.root / ".opsctl/environments/local/logs"
    seen = set(logs.glob("*"))
    running = project.start("up", "local", "--yes", "--no-smoke", "--why", "a test")
    wait_for(
        lambda: any("slow: Provisioning" in log.read_text() for log in set(logs.glob("*-apply*.log")) - seen),
        what="the slow step of the apply",
    )
    variables.write_text("slow_seconds = 0\n")
    return running


def test_every_command_that_changes_something_leaves_a_record_however_it_ended(small: Project) -> None:
    assert small.json("history", "local")["records"] == []
    small.opsctl("local", "start")
    running = begin_a_slow_up(small)
    [under_way] = small.json("history", "local")["under_way"]
    assert (under_way["command"], under_way["details"]["why"]) == ("up", "a test")
    interrupt(running)
    running.communicate(timeout=60)
    assert running.returncode == 130

    stack = small.root / "terraform/stack/main.tf"
    good = stack.read_text()
    stack.write_text(good + 'resource "terraform_data" "bad" {\n  provisioner "local-exec" { command = "exit 3" }\n}\n')
    small.opsctl("up", "local", "--yes", "--no-smoke", status=1)
    stack.write_text(good)
    small.opsctl("up", "local", "--yes", "--no-smoke")
    small.opsctl("down", "local", "--yes")

    # `down` has stopped the local cloud: what follows is read from its disk.
    records = small.json("history", "local")["records"]
    assert [(record["command"], record["result"]) for record in records] == [
        ("down", "done"), ("up", "done"), ("up", "failed"), ("up", "interrupted")
    ]  # fmt: skip
    for record in records:
        assert len(record["details"]["plan_sha256"]) == 64
        assert record["details"]["from"]["pid"]
        assert record["who"].startswith("arn:aws:")
    assert "terraform_data.bad" in str(records[2]["details"]["changes"])
    shown = small.opsctl("history", "local", "--limit", "3").stdout
    assert "destroyed" in shown or "deleted" in shown
    assert "failed" in shown
    assert "interrupted" not in shown
    assert [record["number"] for record in small.json("history", "local", "--command", "down")["records"]] == [4]
    assert "4 records of local are whole" in small.opsctl("history", "local", "--verify").stdout


def test_an_up_that_was_killed_is_recorded_by_the_next_command(small: Project) -> None:
    small.opsctl("local", "start")
    running = begin_a_slow_up(small)
    plan = small.json("history", "local")["under_way"][0]["details"]["plan_sha256"]
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    small.opsctl("up", "local", "--yes", "--no-smoke", "--lock-wait", "60")
    found = small.json("history", "local")
    killed = found["records"][-1]
    assert (killed["command"], killed["result"], killed["details"]["plan_sha256"]) == ("up", "abandoned", plan)
    assert killed["details"]["recorded_by"]["who"].startswith("arn:aws:")
    assert found["under_way"] == []
    assert small.json("history", "local", "--verify")["verification"]["whole"]


def test_a_hand_in_the_bucket_is_found_whatever_it_did(small: Project) -> None:
    """`user` and `queues` need a stack of their own; bootstraps are quick and leave records, too."""
    for _ in range(4):
        small.opsctl("bootstrap", "local", "--yes")
    aws = bucket_of(small)
    whole = {name: read(aws, name) for name in (HEAD, *map(key, range(1, 5)))}
    assert small.json("history", "local", "--verify")["verification"]["checked"] == 4

    put(aws, key(2), whole[key(2)].replace(b'"result":"done"', b'"result":"fail"'))
    assert findings(small) == ["edited"]
    put(aws, key(2), whole[key(3)])
    assert findings(small) == ["moved", "unlinked"]
    remove(aws, key(2))
    assert findings(small) == ["missing"]
    assert "record 2 is missing" in small.opsctl("history", "local", "--verify", status=3).stdout
    assert "unreadable" in small.opsctl("history", "local").stdout
    put(aws, key(2), whole[key(2)])
    remove(aws, key(4))
    assert findings(small) == ["cut", "cut"], "the head knows it, and so does this machine"
    put(aws, HEAD, whole[HEAD].replace(b'"length":4', b'"length":3'))
    assert set(findings(small)) == {"head", "cut"}
    remove(aws, HEAD)
    assert "head" in findings(small)

    for name, body in whole.items():
        put(aws, name, body)
    assert small.json("history", "local", "--verify")["verification"]["whole"]


def test_a_reset_local_cloud_begins_a_new_journal_and_nothing_is_called_cut(small: Project) -> None:
    small.opsctl("bootstrap", "local", "--yes")
    small.opsctl("bootstrap", "local", "--yes")
    small.opsctl("local", "reset", "--yes")
    assert small.json("history", "local", "--verify")["verification"]["checked"] == 0
    small.opsctl("bootstrap", "local", "--yes")
    assert small.json("history", "local", "--verify")["verification"]["checked"] == 1
