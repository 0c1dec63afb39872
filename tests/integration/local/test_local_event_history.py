"""CloudTrail's event history on the local cloud: who changed which resource, when, with what."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_clouds import ACCOUNT, Client


def events_of(client: Client, name: str, **more: Any) -> list[dict[str, Any]]:
    region = more.pop("region", "eu-central-1")
    asked = [{"AttributeKey": "ResourceName", "AttributeValue": name}]
    found: list[dict[str, Any]] = client("cloudtrail", region=region).lookup_events(LookupAttributes=asked, **more)[
        "Events"
    ]
    return found


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["EventName"] for event in events]


def test_a_change_is_told_with_caller_time_and_tool_newest_first(client: Client) -> None:
    sns = client("sns")
    before = datetime.now(UTC) - timedelta(seconds=2)
    arn = sns.create_topic(Name="watched")["TopicArn"]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="by hand")
    newest, oldest = events_of(client, arn)
    assert (newest["EventName"], oldest["EventName"]) == ("SetTopicAttributes", "CreateTopic")
    assert before <= newest["EventTime"] <= datetime.now(UTC) + timedelta(seconds=2)
    told = json.loads(newest["CloudTrailEvent"])
    assert told["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert told["userAgent"].startswith("Boto3/")
    assert (told["eventSource"], told["sourceIPAddress"], told["readOnly"]) == ("sns.amazonaws.com", "127.0.0.1", False)
    assert "by hand" not in newest["CloudTrailEvent"]


def test_calls_of_both_emulators_and_of_rest_services_are_told_by_the_names_of_their_operations(client: Client) -> None:
    ec2, iam, s3 = client("ec2"), client("iam"), client("s3")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="told", Description="x", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": []}]
    )
    assert names(events_of(client, group)) == ["AuthorizeSecurityGroupIngress"]
    iam.create_role(RoleName="told", AssumeRolePolicyDocument="{}")
    assert "CreateRole" in names(events_of(client, "told", region="us-east-1"))
    s3.create_bucket(Bucket="told", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_bucket_versioning(Bucket="told", VersioningConfiguration={"Status": "Enabled"})
    assert names(events_of(client, "told"))[:2] == ["PutBucketVersioning", "CreateBucket"]
    api = client("apigateway").create_rest_api(name="told")["id"]
    client("apigateway").update_rest_api(restApiId=api, patchOperations=[])
    client("apigateway").delete_rest_api(restApiId=api)
    assert names(events_of(client, api)) == ["DeleteRestApi", "UpdateRestApi"]


def test_reads_failures_data_and_other_accounts_tell_nothing(client: Client) -> None:
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName="quiet")["QueueUrl"]
    sqs.get_queue_attributes(QueueUrl=queue)
    sqs.send_message(QueueUrl=queue, MessageBody="secret words")
    with pytest.raises(ClientError):
        sqs.set_queue_attributes(QueueUrl=f"{queue}-gone", Attributes={"DelaySeconds": "1"})
    assert "SendMessage" not in names(events_of(client, queue))
    assert "GetQueueAttributes" not in names(events_of(client, queue))
    assert events_of(client, f"{queue}-gone") == []
    assert names(events_of(client, "quiet")) == ["CreateQueue"]
    asked = [{"AttributeKey": "ResourceName", "AttributeValue": "quiet"}]
    assert client("cloudtrail", account="999988887777").lookup_events(LookupAttributes=asked)["Events"] == []


def test_pages_times_and_wrong_questions_are_answered_as_documented(client: Client) -> None:
    ssm, trail = client("ssm"), client("cloudtrail")
    for version in range(3):
        ssm.put_parameter(Name="/paged", Value=str(version), Type="String", Overwrite=True)
    asked = [{"AttributeKey": "ResourceName", "AttributeValue": "/paged"}]
    first = trail.lookup_events(LookupAttributes=asked, MaxResults=2)
    rest = trail.lookup_events(LookupAttributes=asked, MaxResults=2, NextToken=first["NextToken"])
    assert (len(first["Events"]), len(rest["Events"]), "NextToken" in rest) == (2, 1, False)
    later = datetime.fromtimestamp(time.time() + 60, UTC)
    assert events_of(client, "/paged", StartTime=later) == []
    for wrong in (
        {"LookupAttributes": asked * 2},
        {"LookupAttributes": asked, "StartTime": later, "EndTime": datetime.now(UTC)},
        {"LookupAttributes": asked, "NextToken": "x"},
    ):
        with pytest.raises(ClientError, match=r"Invalid\w+Exception"):
            trail.lookup_events(**wrong)
