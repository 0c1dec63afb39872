"""Versions of launch templates: what they inherit, which is the default, and which ones are gone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_clouds import Client

NAME = "versions"
DATA = {"ImageId": "ami-12c6146b", "InstanceType": "t3.small", "UserData": base64.b64encode(b"one").decode()}
TWO = base64.b64encode(b"two").decode()


@pytest.fixture
def ec2(client: Client) -> Iterator[Any]:
    """A template with the versions 1 (the default) and 2."""
    found = client("ec2")
    found.create_launch_template(LaunchTemplateName=NAME, LaunchTemplateData=DATA)
    found.create_launch_template_version(
        LaunchTemplateName=NAME, SourceVersion="1", VersionDescription="two", LaunchTemplateData={"UserData": TWO}
    )
    yield found
    found.delete_launch_template(LaunchTemplateName=NAME)


def numbers(ec2: Any, *asked: str, **settings: Any) -> list[int]:
    wanted = settings | ({"Versions": list(asked)} if asked else {})
    found = ec2.describe_launch_template_versions(LaunchTemplateName=NAME, **wanted)["LaunchTemplateVersions"]
    return [one["VersionNumber"] for one in found]


def test_a_version_begins_with_what_its_source_version_says(ec2: Any) -> None:
    found = ec2.describe_launch_template_versions(LaunchTemplateName=NAME, Versions=["2"])["LaunchTemplateVersions"][0]
    assert found["LaunchTemplateData"] == DATA | {"UserData": TWO}
    assert (found["VersionDescription"], found["DefaultVersion"]) == ("two", False)
    alone = ec2.create_launch_template_version(LaunchTemplateName=NAME, LaunchTemplateData={"UserData": TWO})
    assert alone["LaunchTemplateVersion"]["LaunchTemplateData"] == {"UserData": TWO}
    with pytest.raises(ClientError, match=r"VersionNotFound.*version 9"):
        ec2.create_launch_template_version(LaunchTemplateName=NAME, SourceVersion="9", LaunchTemplateData={})


def test_the_default_version_is_what_somebody_said(ec2: Any) -> None:
    assert numbers(ec2, "$Default", "$Latest") == [1, 2]
    ec2.modify_launch_template(LaunchTemplateName=NAME, DefaultVersion="2")
    assert numbers(ec2, "$Default") == [2]
    template = ec2.describe_launch_templates(LaunchTemplateNames=[NAME])["LaunchTemplates"][0]
    assert (template["DefaultVersionNumber"], template["LatestVersionNumber"]) == (2, 2)


def test_a_deleted_version_is_gone_and_its_number_is_not_used_again(ec2: Any) -> None:
    answer = ec2.delete_launch_template_versions(LaunchTemplateName=NAME, Versions=["1", "2", "9"])
    assert [one["VersionNumber"] for one in answer["SuccessfullyDeletedLaunchTemplateVersions"]] == [2]
    kept = {one["VersionNumber"]: one["ResponseError"] for one in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]}
    assert "default version" in kept[1]["Message"]
    assert kept[9]["Code"] == "launchTemplateVersionDoesNotExist"
    assert numbers(ec2) == [1]
    with pytest.raises(ClientError, match="VersionNotFound"):
        numbers(ec2, "2")
    ec2.create_launch_template_version(LaunchTemplateName=NAME, SourceVersion="1", LaunchTemplateData={})
    assert numbers(ec2) == [3, 1]
    assert numbers(ec2, "$Latest", "3") == [3, 3]


def test_versions_are_told_newest_first_and_in_pages(ec2: Any) -> None:
    for _ in range(16):
        ec2.create_launch_template_version(LaunchTemplateName=NAME, SourceVersion="1", LaunchTemplateData={})
    assert numbers(ec2) == list(range(18, 0, -1))
    assert numbers(ec2, MinVersion="4", MaxVersion="6") == [6, 5, 4]
    pages = ec2.get_paginator("describe_launch_template_versions").paginate(
        LaunchTemplateName=NAME, PaginationConfig={"PageSize": 7}
    )
    assert [len(page["LaunchTemplateVersions"]) for page in pages] == [7, 7, 4]
