"""What commands leave behind, as `opsctl history` shows it, and that no hand in the bucket goes unnoticed."""

from __future__ import annotations

import json
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
    variables.write_text("slow_seconds = 8\n")
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
    small.opsctl("local", "start")
    running = begin_a_slow_up(small)
    [under_way] = small.json("history", "local")["under_way"]
    assert (under_way["command"], under_way["details"]["why"]) == ("up", "a test")
    interrupt(running)
    running.communicate(timeout=60)
    assert running.returncode == 130

    running = begin_a_slow_up(small)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)

    stack = small.root / "terraform/stack/main.tf"
    good = stack.read_text()
    stack.write_text(good + 'resource "terraform_data" "bad" {\n  provisioner "local-exec" { command = "exit 3" }\n}\n')
    small.opsctl("up", "local", "--yes", "--no-smoke", "--lock-wait", "60", status=1)
    stack.write_text(good)
    small.opsctl("down", "local", "--yes")

    # `down` has stopped the local cloud: what follows is read from its disk.
    records = small.json("history", "local")["records"]
    assert [(record["command"], record["result"]) for record in records] == [
        ("down", "done"), ("up", "failed"), ("up", "abandoned"), ("up", "interrupted")
    ]  # fmt: skip
    for record in records:
        assert len(record["details"]["plan_sha256"]) == 64
        assert record["details"]["from"]["pid"]
        assert record["who"].startswith("arn:aws:")
    assert "terraform_data.bad" in str(records[1]["details"]["changes"])
    assert records[2]["details"]["from"]["pid"] == running.pid
    assert records[2]["details"]["recorded_by"]["who"].startswith("arn:aws:")
    shown = small.opsctl("history", "local", "--limit", "2").stdout
    assert "deleted" in shown
    assert "exit status 3" in " ".join(shown.split())
    assert "abandoned" not in shown
    assert "4 records of local are whole" in small.opsctl("history", "local", "--verify").stdout


def test_a_hand_in_the_bucket_is_found_and_a_reset_is_none(small: Project) -> None:
    """A bootstrap is quick and leaves a record, too."""
    for _ in range(3):
        small.opsctl("bootstrap", "local", "--yes")
    aws = bucket_of(small)
    whole = {name: read(aws, name) for name in (HEAD, *map(key, range(1, 4)))}
    assert small.json("history", "local", "--verify")["verification"]["checked"] == 3

    put(aws, key(2), whole[key(2)].replace(b'"result":"done"', b'"result":"fail"'))
    assert findings(small) == ["edited"]
    remove(aws, key(2))
    assert "record 2 is missing" in small.opsctl("history", "local", "--verify", status=3).stdout
    assert "unreadable" in small.opsctl("history", "local").stdout
    put(aws, key(2), whole[key(2)])
    remove(aws, key(3))
    assert findings(small) == ["cut", "cut"], "the head knows it, and so does this machine"
    hash_of_2 = json.loads(whole[key(2)])["hash"]
    put(aws, HEAD, f'{{"hash":"{hash_of_2}","length":2}}'.encode())
    assert findings(small) == ["cut"], "only this machine knows it"

    small.opsctl("local", "reset", "--yes")
    assert small.json("history", "local", "--verify")["verification"]["checked"] == 0
