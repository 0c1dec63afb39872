"""What programs of operators call, recorded: what least-privilege roles are proved by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from local_clouds import ACCOUNT, REGION

from opsctl.local import LocalCloud, Running
from opsctl.local.gaps.recorded_calls import SWITCH


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Running]:
    cloud = LocalCloud(tmp_path / "cloud", ACCOUNT, REGION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPSCTL_LOCAL_PORT", "0")
        patch.setenv(SWITCH, str(tmp_path / "calls.jsonl"))
        started = cloud.start()
    try:
        yield started
    finally:
        cloud.stop()


def test_reads_and_changes_of_operators_are_recorded_by_operation_and_names_and_nobody_elses(
    recording: Running, tmp_path: Path
) -> None:
    def client(service: str, agent: str) -> Any:
        return boto3.client(
            service, region_name=REGION, endpoint_url=recording.endpoint_url, aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",
            config=Config(user_agent_extra=agent, s3={"addressing_style": "path"}),
        )  # fmt: skip

    url = client("sqs", "opsctl/1").create_queue(QueueName="letters")["QueueUrl"]
    client("sqs", "opsctl/1").get_queue_attributes(QueueUrl=url)
    client("s3", "APN/1.0 HashiCorp/1.0 Terraform/1.11.4").create_bucket(
        Bucket="state", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    client("iam", "opsctl/1").list_roles()
    client("sqs", "exec-env/AWS_Lambda_python3.11").send_message(QueueUrl=url, MessageBody="a function's own")

    lines = map(json.loads, (tmp_path / "calls.jsonl").read_text().splitlines())
    assert [(call["by"], call["service"], call["operation"], call["names"], call["status"]) for call in lines] == [
        ("opsctl", "sqs", "CreateQueue", ["letters"], 200),
        ("opsctl", "sqs", "GetQueueAttributes", [url], 200),
        ("terraform", "s3", "CreateBucket", ["state"], 200),
        ("opsctl", "iam", "ListRoles", [], 200),
    ]
