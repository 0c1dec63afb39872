"""Drift on a real cloud: told with who did it and when, in every form, and healed by `up`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from opsctl.aws.clients import Aws
from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.ports import Ports, connect
from tests.e2e.project import Project, interrupt, make_project, wait_for

NOBODY = {
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}  # fmt: skip
"""No credentials for the environments on AWS."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The small stack, up. The tests of this file are its life, in their order."""
    root = tmp_path_factory.mktemp("drift")
    shutil.copytree(Path(__file__).parent / "small", root / "terraform")
    made = make_project(root, root / "terraform")
    made.opsctl("up", "local", "--yes", "--no-smoke")
    yield made
    made.opsctl("local", "stop", status=None)


@pytest.fixture
def ports(project: Project) -> Ports:
    config = load_config(project.root)
    return connect(config, load_environment(config, "local"), on_event=ignore, start=False)


def topics(aws: Aws) -> dict[str, str]:
    return {arn.rpartition("-")[2]: arn for arn in aws.pages("sns", "list_topics", "Topics[].TopicArn")}


def test_what_was_changed_behind_terraforms_back_is_told_with_who_and_when(project: Project, ports: Ports) -> None:
    arns = topics(ports.aws)
    # Somebody else's client: in the second in which `up` ended, opsctl's own would pass for a part of it.
    sns = boto3.client(
        "sns", endpoint_url=ports.access.endpoint_url, region_name=ports.access.region,
        aws_access_key_id=ports.access.account_id, aws_secret_access_key="local",
    )  # fmt: skip
    sns.set_topic_attributes(TopicArn=arns["before"], AttributeName="DisplayName", AttributeValue="by hand")
    sns.delete_topic(TopicArn=arns["after"])
    shown = project.opsctl("drift", "local", status=3, COLUMNS="250")
    for words in ("2 of 6 resources", "aws_sns_topic.after", "deleted", '"by hand"', "SetTopicAttributes"):
        assert words in shown.stdout
    assert project.json("status", "local")["lock"] is None
    assert not list((project.root / ".opsctl/environments/local/drift").glob("*.tfplan"))


def test_all_environments_are_asked_and_those_that_could_not_be_are_named(project: Project) -> None:
    several = project.opsctl("drift", "--all", "--json", status=7, **NOBODY)
    document = json.loads(several.stdout)
    assert {one["environment"]: one["status"] for one in document["environments"]} == {
        "local": "drift", "dev": "unanswered", "prod": "unanswered",
    }  # fmt: skip
    assert document["exit_code"] == 7
    assert "aws sso login" in document["environments"][1]["error"]["next"]
    [local] = (one for one in document["environments"] if one["environment"] == "local")
    gone, changed = local["drift"]
    assert (gone["address"], gone["kind"], gone["by"]["event"]) == ("aws_sns_topic.after", "deleted", "DeleteTopic")
    assert changed["attributes"] == [{"path": "display_name", "before": '""', "after": '"by hand"', "hidden": ""}]
    author = changed["by"]
    assert (author["who"], author["event"]) == ("arn:aws:iam::111122223333:root", "SetTopicAttributes")
    assert author["at"] <= local["checked_at"]
    lines = several.stderr.splitlines()
    assert lines
    assert all(line.split("│")[0].strip() in ("local", "dev", "prod") for line in lines)


def test_ctrl_c_reaches_every_terraform_that_looks(project: Project) -> None:
    run = project.start("drift", "--all", **NOBODY)
    wait_for(lambda: any("-refresh-only" in words for words in project.processes().values()), what="a refresh")
    interrupt(run)
    stdout, stderr = run.communicate(timeout=120)
    assert run.returncode == 130, stderr
    assert "every Terraform that was looking has stopped" in stderr
    assert stdout == ""
    assert not any("-refresh-only" in words for words in project.processes().values())
    assert project.json("status", "local")["lock"] is None


def test_up_heals_it_and_what_only_looks_changed_is_no_drift(project: Project) -> None:
    project.opsctl("up", "local", "--yes", "--no-smoke")
    healed = project.json("drift", "local", status=0)
    assert (healed["status"], healed["drift"], healed["resources"]) == ("none", [], 6)
    assert {(one["address"], attribute["path"]) for one in healed["noise"] for attribute in one["attributes"]} == {
        ("aws_sns_topic.after", "tags")
    }


def test_while_somebody_applies_nothing_is_said(project: Project, ports: Ports) -> None:
    lock = {"ID": "1", "Who": "ada@there", "Operation": "OperationTypeApply", "Created": "2026-11-21T12:00:00Z"}
    ports.bucket.write("local/terraform.tfstate.tflock", json.dumps(lock).encode())
    busy = project.opsctl("drift", "local", status=6)
    assert "ada@there" in busy.stderr
