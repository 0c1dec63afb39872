"""bulk-plan against moto's S3, Batch and SQS: one job for a request, however often and in whatever state it comes."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

FUNCTION = Path(__file__).parents[3] / "terraform/modules/bulk/functions/bulk-plan"
REGION = "eu-central-1"
CONTEXT = SimpleNamespace(
    function_name="bulk-plan",
    memory_limit_in_mb=512,
    invoked_function_arn=f"arn:aws:lambda:{REGION}:111122223333:function:bulk-plan:live",
    aws_request_id="a-request",
)


def asked(request_id: str, **detail: Any) -> dict[str, Any]:
    return {
        "detail-type": "bulk.requested",
        "source": "ops",
        "detail": {"correlation_id": "corr-1234", "request_id": request_id, **detail},
    }


@pytest.fixture(scope="module")
def handler() -> Iterator[ModuleType]:
    """As Lambda loads it. One account for all tests: each asks by a request id of its own."""
    settings = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BUCKET": "bulk",
        "SOURCES": json.dumps({"photos": {"bucket": "photos", "prefix": "uploads/"}}),
        "JOB_QUEUE": "q-jobs",
        "JOB_DEFINITION": "slice",
        "POWERTOOLS_SERVICE_NAME": "bulk-plan",
        "POWERTOOLS_METRICS_NAMESPACE": "test",
    }
    with pytest.MonkeyPatch.context() as patch, mock_aws(config={"batch": {"use_docker": False}}):
        for name, value in settings.items():
            patch.setenv(name, value)
        where = {"LocationConstraint": REGION}
        for bucket in ("bulk", "photos"):
            boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)  # type: ignore[arg-type]
        for number in range(5):
            boto3.client("s3").put_object(Bucket="photos", Key=f"uploads/{number}", Body=b"a photo")
        patch.setenv("FAILURE_QUEUE_URL", boto3.client("sqs").create_queue(QueueName="failures")["QueueUrl"])
        lay_out_batch()
        patch.syspath_prepend(str(FUNCTION))
        yield importlib.import_module("handler")
        for file in FUNCTION.glob("*.py"):
            sys.modules.pop(file.stem, None)


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has its environment cleared of AWS's settings (tests/conftest.py)."""
    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "t",
    }.items():
        monkeypatch.setenv(name, value)


def lay_out_batch() -> None:
    batch, ec2 = boto3.client("batch"), boto3.client("ec2")
    role = boto3.client("iam").create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    environment = batch.create_compute_environment(
        computeEnvironmentName="machines", type="MANAGED", serviceRole=role,
        computeResources={"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [group]},
    )["computeEnvironmentArn"]  # fmt: skip
    batch.create_job_queue(
        jobQueueName="q-jobs", priority=1, state="ENABLED",
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )  # fmt: skip
    batch.register_job_definition(
        jobDefinitionName="slice", type="container",
        containerProperties={"image": "i", "vcpus": 1, "memory": 512},
    )  # fmt: skip


def jobs(request_id: str) -> list[str]:
    """Ids of a request's jobs, children left out."""
    found = boto3.client("batch").list_jobs(
        jobQueue="q-jobs", filters=[{"name": "JOB_NAME", "values": [f"bulk-{request_id}"]}]
    )["jobSummaryList"]
    return [job["jobId"] for job in found if ":" not in job["jobId"]]


def letters() -> list[dict[str, Any]]:
    """What was set aside since this was last asked."""
    [url] = boto3.client("sqs").list_queues()["QueueUrls"]
    got = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in got]


def manifest(request_id: str) -> dict[str, Any]:
    found = boto3.client("s3").get_object(Bucket="bulk", Key=f"requests/{request_id}/manifest.json")
    return dict(json.loads(found["Body"].read()))


def test_a_request_becomes_one_array_job_and_the_second_delivery_finds_it(handler: ModuleType) -> None:
    event = asked("comes-twice", photos_per_child=2)
    first = handler.handler(event, CONTEXT)
    assert handler.handler(event, CONTEXT) == first
    assert jobs("comes-twice") == [first["job_id"]]
    assert manifest("comes-twice")["slices"] == [
        ["uploads/0"], ["uploads/1", "uploads/2"], ["uploads/3", "uploads/4"],
    ]  # fmt: skip


def test_a_delivery_beside_another_comes_back_and_takes_over_once_that_one_must_be_dead(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = asked("died-half-way")
    with monkeypatch.context() as dying:
        dying.setattr(handler.store, "JOB_QUEUE", "no-such-queue")
        with pytest.raises(handler.store._batch.exceptions.ClientError):
            handler.handler(event, CONTEXT)
    with pytest.raises(handler.InOtherHands):
        handler.handler(event, CONTEXT)
    assert jobs("died-half-way") == []
    monkeypatch.setattr(handler, "CLAIM_SECONDS", -1)
    taken_over = handler.handler(event, CONTEXT)
    assert jobs("died-half-way") == [taken_over["job_id"]]


@pytest.mark.parametrize(
    ("detail", "why"),
    [
        ({"versions": ["gigantic"]}, "versions"),
        ({"source": "attic"}, "there is no source attic"),
        ({"prefix": "nobody-"}, "there is no such photo"),
    ],
)
def test_what_can_not_be_done_is_kept_with_its_reason_and_its_original(
    handler: ModuleType, detail: dict[str, Any], why: str
) -> None:
    event = asked("can-not-be", **detail)
    handler.handler(event, CONTEXT)
    [letter] = letters()
    assert why in letter["responsePayload"]["errorMessage"]
    assert letter["requestPayload"] == event
    assert letter["requestContext"]["functionArn"] == CONTEXT.invoked_function_arn
    assert jobs("can-not-be") == []


def test_named_photos_are_taken_and_no_others(handler: ModuleType) -> None:
    handler.handler(asked("just-these", keys=["uploads/3", "uploads/1"], versions=["small"]), CONTEXT)
    made = manifest("just-these")
    assert (made["slices"], made["versions"]) == ([["uploads/1", "uploads/3"]], ["small"])
