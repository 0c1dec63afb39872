"""Two environments at once in the local cloud: each in an account of its own, one taken down while the other stays."""

from __future__ import annotations

from typing import Any

from opsctl.config import load_config
from opsctl.environments.ephemeral.copies import find_environment
from opsctl.environments.events import ignore
from opsctl.environments.ports import Ports, connect
from tests.e2e.project import Project


def rows(small: Project) -> dict[str, Any]:
    """`env list`, by name. Two of opsctl.toml are on AWS, where nobody lets us in: exit code 7."""
    return {row["environment"]: row for row in small.json("env", "list", status=7)}


def reach(small: Project, name: str) -> Ports:
    config = load_config(small.root)
    return connect(config, find_environment(config, name), on_event=ignore, start=False)


def test_two_environments_live_side_by_side_and_end_one_by_one(small: Project) -> None:
    made = small.json("env", "new", "two", "--from", "local", "--ttl", "1h")
    assert made["account_id"] not in ("111122223333", "210987654321", "321098765432")
    again = small.opsctl("env", "new", "two", "--from", "local", "--ttl", "1h", status=2)
    assert "already" in again.stderr

    begun = [small.start("up", name, "--yes", "--no-smoke") for name in ("local", "two")]
    for process in begun:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    found = rows(small)
    assert {name: found[name]["phase"] for name in ("local", "two", "dev")} == {
        "local": "up", "two": "up", "dev": "unknown",
    }  # fmt: skip
    assert 3000 < found["two"]["seconds_left"] <= 3600
    assert found["two"]["last_up"]["result"] == "done"

    local, two = reach(small, "local"), reach(small, "two")
    urls = [ports.aws.call("sqs", "create_queue", QueueName="orders")["QueueUrl"] for ports in (local, two)]
    local.aws.call("sqs", "send_message", QueueUrl=urls[0], MessageBody="for the first")
    assert "Messages" not in two.aws.call("sqs", "receive_message", QueueUrl=urls[1])
    [message] = local.aws.call("sqs", "receive_message", QueueUrl=urls[0])["Messages"]
    assert message["Body"] == "for the first"
    topics = [topic.rpartition(":")[2] for topic in two.aws.pages("sns", "list_topics", "Topics[].TopicArn")]
    assert sorted(topics) == ["opsctl-two-after", "opsctl-two-before"]

    down = small.json("down", "local", "--yes")
    assert (down["cloud_kept_for"], down["processes_stopped"]) == (["two"], 0)
    assert small.json("status", "two")["phase"] == "up"
    assert "no changes" in small.opsctl("up", "two", "--yes").stdout

    small.opsctl("env", "extend", "two", "--ttl", "1s")
    while rows(small)["two"]["seconds_left"] > 0:
        assert small.json("status", "two")["phase"] == "up"
    assert "expired" in small.opsctl("up", "two", "--yes", status=5).stderr
    reaped = small.json("env", "reap", "--yes")
    assert (reaped["reaped"], reaped["failed"]) == (["two"], [])
    assert small.json("local", "status")["state"] == "stopped"
    assert "two" not in rows(small)
