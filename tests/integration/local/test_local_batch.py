"""Batch jobs on the local cloud: real processes, retried, killed, cancelled and told of as on AWS."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from local_clouds import ACCOUNT, REGION, Client, client_of, processes_of

from opsctl.local import LocalCloud, Running
from opsctl.local.batch.container import Container

BUS_QUEUE = "batch-events"
CODE = """
import json, os, signal, sys, time
what, *rest = sys.argv[1:]
index, attempt = os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX", ""), os.environ.get("AWS_BATCH_JOB_ATTEMPT", "")
print(json.dumps({name: value for name, value in os.environ.items() if name.startswith("AWS_BATCH_")}), flush=True)
if what == "flaky" and index == "7" and int(attempt) < 3:
    sys.exit(1)
if what == "exit":
    sys.exit(int(rest[0]))
if what == "note":
    with open(rest[0], "a") as file:
        file.write(index + "\\n")
if what == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
if what in ("sleep", "stubborn") or (what == "sleep-once" and attempt == "1" and index in ("", "1")):
    time.sleep(60)
print("no newline at the end", end="")
"""


def packaged(code: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        package.writestr("main.py", code)
    return data.getvalue()


@dataclass
class Batch:
    """A queue, a definition and what came of them."""

    client: Client
    image: str
    package: str
    messages: list[dict[str, Any]]
    events_url: str

    def __post_init__(self) -> None:
        self.api = self.client("batch")

    def submit(self, *command: str, name: str = "a-job", **more: Any) -> str:
        overrides = {"command": list(command), **more.pop("overrides", {})}
        return str(
            self.api.submit_job(
                jobName=name, jobQueue="q", jobDefinition="d", containerOverrides=overrides, **more
            )["jobId"]
        )  # fmt: skip

    def job(self, job_id: str) -> dict[str, Any]:
        [found] = self.api.describe_jobs(jobs=[job_id])["jobs"]
        return dict(found)

    def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        found: dict[str, Any] = wait_for(
            f"{job_id} {statuses}", lambda: job if (job := self.job(job_id))["status"] in statuses else None
        )
        return found

    def over(self, job_id: str) -> dict[str, Any]:
        return self.until(job_id, "SUCCEEDED", "FAILED")

    def told(self, job_id: str) -> list[str]:
        """The statuses that events told of this job, once its end was among them."""

        def look() -> list[str] | None:
            sqs = self.client("sqs")
            while got := sqs.receive_message(QueueUrl=self.events_url, MaxNumberOfMessages=10).get("Messages"):
                self.messages += [json.loads(message["Body"]) for message in got]
                for message in got:
                    sqs.delete_message(QueueUrl=self.events_url, ReceiptHandle=message["ReceiptHandle"])
            statuses = [each["detail"]["status"] for each in self.messages if each["detail"]["jobId"] == job_id]
            return statuses if {"SUCCEEDED", "FAILED"} & set(statuses) else None

        told: list[str] = wait_for(f"the end of {job_id} as an event", look)
        return told


def wait_for(what: str, look: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return seen


def process_of(job_id: str) -> int | None:
    """The process of a job's attempt, found by its environment as anybody on this machine could."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"AWS_BATCH_JOB_ID={job_id}".encode() in (
                (entry / "environ").read_bytes().split(b"\0")
            ):
                return int(entry.name)
        except OSError:
            continue
    return None


def lay_out(client: Client) -> tuple[str, str]:
    """Environment, queue q and definition d; gives the image and where its package lies."""
    content = packaged(CODE)
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/jobs:{hashlib.sha256(content).hexdigest()}"
    client("s3").create_bucket(Bucket="job-code", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket="job-code", Key="a.zip", Body=content)
    role = client("iam").create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    vpc = client("ec2").create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnet = client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.77.1.0/24")["Subnet"]["SubnetId"]
    group = client("ec2").create_security_group(GroupName="jobs", Description="jobs", VpcId=vpc)["GroupId"]
    batch = client("batch")
    environment = batch.create_compute_environment(
        computeEnvironmentName="machines", type="MANAGED", serviceRole=role,
        computeResources={"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [group]},
    )["computeEnvironmentArn"]  # fmt: skip
    batch.create_job_queue(
        jobQueueName="q", priority=1, state="ENABLED",
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )  # fmt: skip
    package = "s3://job-code/a.zip"
    batch.register_job_definition(
        jobDefinitionName="d", type="container", platformCapabilities=["FARGATE"],
        containerProperties={
            "image": image, "command": ["nothing"], "environment": [{"name": "JOB_PACKAGE", "value": package}],
            "resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}],
        },
        retryStrategy={
            "attempts": 3,
            "evaluateOnExit": [{"action": "EXIT", "onExitCode": "65"}, {"action": "RETRY", "onStatusReason": "*"}],
        },
    )  # fmt: skip
    return image, package


@pytest.fixture(scope="module")
def batch(client: Client) -> Iterator[Batch]:
    image, package = lay_out(client)
    events, sqs = client("events"), client("sqs")
    url = sqs.create_queue(QueueName=BUS_QUEUE)["QueueUrl"]
    events.put_rule(Name="batch", EventPattern=json.dumps({"source": ["aws.batch"]}))
    events.put_targets(Rule="batch", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{BUS_QUEUE}"}])
    yield Batch(client, image, package, [], url)
    events.remove_targets(Rule="batch", Ids=["q"])
    events.delete_rule(Name="batch")


def test_of_twenty_children_the_one_that_fails_is_tried_again_and_it_alone(batch: Batch) -> None:
    job_id = batch.submit("flaky", arrayProperties={"size": 20})
    job = batch.over(job_id)
    assert job["status"] == "SUCCEEDED"
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 20
    listed = batch.api.list_jobs(arrayJobId=job_id, jobStatus="SUCCEEDED")["jobSummaryList"]
    assert [each["jobId"] for each in listed] == [f"{job_id}:{index}" for index in range(20)]
    children = batch.api.describe_jobs(jobs=[each["jobId"] for each in listed])["jobs"]
    assert [len(child["attempts"]) for child in children] == [3 if index == 7 else 1 for index in range(20)]
    codes = [attempt["container"]["exitCode"] for attempt in children[7]["attempts"]]
    assert codes == [1, 1, 0]
    again = ["STARTING", "RUNNING", "RUNNABLE"]
    assert batch.told(f"{job_id}:7") == ["RUNNABLE", *again, *again, "STARTING", "RUNNING", "SUCCEEDED"]
    assert batch.told(job_id) == ["PENDING", "SUCCEEDED"]


def test_the_event_of_an_end_says_what_describe_jobs_says(batch: Batch) -> None:
    job_id = batch.submit("exit", "65")
    job = batch.over(job_id)
    batch.told(job_id)
    event = next(
        each for each in batch.messages if each["detail"]["jobId"] == job_id and each["detail"]["status"] == "FAILED"
    )
    assert (event["source"], event["detail-type"]) == ("aws.batch", "Batch Job State Change")
    assert event["resources"] == [job["jobArn"]]
    assert event["detail"]["container"]["exitCode"] == 65
    assert event["detail"]["attempts"][0]["statusReason"] == "Essential container in task exited"
    assert event["detail"]["jobQueue"].endswith(":job-queue/q")


def test_a_child_that_is_killed_is_a_failed_attempt_of_its_own(batch: Batch) -> None:
    job_id = batch.submit("sleep-once", arrayProperties={"size": 3})
    os.kill(wait_for("the child's process", lambda: process_of(f"{job_id}:1")), signal.SIGKILL)
    assert batch.over(job_id)["status"] == "SUCCEEDED"
    attempts = [batch.job(f"{job_id}:{index}")["attempts"] for index in range(3)]
    assert [[attempt["container"]["exitCode"] for attempt in each] for each in attempts] == [[0], [137, 0], [0]]


def test_an_exit_code_that_is_no_use_repeating_ends_the_job_at_once(batch: Batch) -> None:
    job = batch.over(batch.submit("exit", "65"))
    assert (job["status"], len(job["attempts"])) == ("FAILED", 1)
    job = batch.over(batch.submit("exit", "3"))
    assert (job["status"], len(job["attempts"]), job["container"]["exitCode"]) == ("FAILED", 3, 3)


def test_a_job_knows_who_it_is_and_prints_into_its_log_stream(batch: Batch) -> None:
    job_id = batch.submit("env", arrayProperties={"size": 2})
    batch.over(job_id)
    child = batch.job(f"{job_id}:1")
    stream = child["container"]["logStreamName"]
    assert stream.startswith("d/default/")

    def lines() -> list[str] | None:
        logs = batch.client("logs")
        try:
            found = logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return [event["message"] for event in found] if len(found) == 2 else None

    first, last = wait_for("both lines", lines)
    assert json.loads(first) == {
        "AWS_BATCH_JOB_ID": f"{job_id}:1",
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JOB_ARRAY_INDEX": "1",
        "AWS_BATCH_JOB_ARRAY_SIZE": "2",
        "AWS_BATCH_JQ_NAME": "q",
        "AWS_BATCH_CE_NAME": "machines",
    }
    assert last == "no newline at the end"


def test_a_waiting_job_is_cancelled_and_a_running_one_terminated(batch: Batch) -> None:
    running = batch.submit("sleep")
    waiting = batch.submit("note", "/dev/null", dependsOn=[{"jobId": running}])
    batch.until(running, "RUNNING")
    batch.until(waiting, "PENDING")
    batch.api.cancel_job(jobId=running, reason="too late for that")
    batch.api.cancel_job(jobId=waiting, reason="not needed")
    assert batch.over(waiting)["statusReason"] == "not needed"
    assert batch.job(running)["status"] == "RUNNING"
    batch.api.terminate_job(jobId=running, reason="enough")
    job = batch.over(running)
    assert (job["status"], job["statusReason"], len(job["attempts"])) == ("FAILED", "enough", 1)
    assert job["container"]["exitCode"] == 143
    assert process_of(running) is None


def test_a_sequential_array_runs_in_order_and_others_wait_for_all_of_it(batch: Batch, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    first = batch.submit("note", str(notes), arrayProperties={"size": 4}, dependsOn=[{"type": "SEQUENTIAL"}])
    like = batch.submit(
        "note", "/dev/null", arrayProperties={"size": 4}, dependsOn=[{"jobId": first, "type": "N_TO_N"}]
    )
    last = batch.submit("note", str(notes), dependsOn=[{"jobId": first}, {"jobId": like}])
    assert batch.over(last)["status"] == "SUCCEEDED"
    assert notes.read_text().split("\n") == ["0", "1", "2", "3", "", ""]
    for index in range(4):
        assert batch.job(f"{first}:{index}")["stoppedAt"] <= batch.job(f"{like}:{index}")["startedAt"]


def test_what_depends_on_a_failed_job_fails_without_having_run(batch: Batch) -> None:
    failed = batch.submit("exit", "65")
    job = batch.over(batch.submit("note", "/dev/null", dependsOn=[{"jobId": failed}]))
    assert (job["status"], job["statusReason"], job["attempts"]) == ("FAILED", "Dependent Job failed", [])


@pytest.mark.parametrize(
    ("package", "said"), [("s3://job-code/none.zip", "404"), ("s3://job-code/other.zip", "SHA-256")]
)
def test_an_image_without_its_package_is_not_run(batch: Batch, package: str, said: str) -> None:
    batch.client("s3").put_object(Bucket="job-code", Key="other.zip", Body=packaged("print('somebody else')"))
    overrides = {"environment": [{"name": "JOB_PACKAGE", "value": package}]}
    # Another tag: a package that was proved once is not fetched again.
    batch.api.register_job_definition(
        jobDefinitionName="other", type="container",
        containerProperties={
            "image": f"jobs:{package}", "vcpus": 1, "memory": 512, "environment": overrides["environment"],
        },
    )  # fmt: skip
    job_id = batch.api.submit_job(jobName="n", jobQueue="q", jobDefinition="other")["jobId"]
    job = batch.over(job_id)
    assert job["container"]["reason"].startswith("CannotPullContainerError")
    assert said in job["container"]["reason"]
    assert "exitCode" not in job["container"]


def test_a_queue_that_is_closed_takes_no_job(batch: Batch) -> None:
    batch.api.update_job_queue(jobQueue="q", state="DISABLED")
    try:
        with pytest.raises(batch.api.exceptions.ClientException, match="ENABLED"):
            batch.submit("env")
    finally:
        batch.api.update_job_queue(jobQueue="q", state="ENABLED")


def test_an_event_starts_a_job_and_one_that_batch_refuses_is_a_dead_letter(batch: Batch) -> None:
    events, sqs = batch.client("events"), batch.client("sqs")
    letters = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
    queue_arn = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/q"
    events.put_rule(Name="asked", EventPattern=json.dumps({"source": ["tests"]}))

    def target(number: str, definition: str) -> dict[str, Any]:
        return {
            "Id": number, "Arn": queue_arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/batch",
            "BatchParameters": {"JobDefinition": definition, "JobName": f"by-event-{number}"},
            "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:undelivered"},
            "InputTransformer": {
                "InputPathsMap": {"code": "$.detail.code"},
                "InputTemplate": '{"ContainerOverrides": {"Command": ["exit", <code>]}}',
            },
        }  # fmt: skip

    events.put_targets(Rule="asked", Targets=[target("1", "d"), target("2", "no-such-definition")])
    events.put_events(Entries=[{"Source": "tests", "DetailType": "asked", "Detail": json.dumps({"code": "65"})}])

    def ended() -> Mapping[str, Any] | None:
        found = batch.api.list_jobs(jobQueue="q", filters=[{"name": "JOB_NAME", "values": ["by-event-*"]}])
        return next((each for each in found["jobSummaryList"] if each["status"] == "FAILED"), None)

    job = wait_for("the event's job", ended)
    assert (job["jobName"], job["container"]["exitCode"]) == ("by-event-1", 65)
    [letter] = sqs.receive_message(QueueUrl=letters, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
    assert json.loads(letter["Body"])["detail"] == {"code": "65"}
    assert letter["MessageAttributes"]["TARGET_ARN"]["StringValue"] == queue_arn
    assert "no-such-definition" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    events.remove_targets(Rule="asked", Ids=["1", "2"])
    events.delete_rule(Name="asked")


def test_an_attempt_that_takes_too_long_is_told_to_end_and_killed_if_it_does_not(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text(CODE)

    async def attempt(what: str) -> Any:
        container = Container(tmp_path / "code", tmp_path / what, (what,), {})
        text = ""
        while what == "stubborn" and "ready" not in text:
            text += container.log.new_text()
            await asyncio.sleep(0.02)
        return await container.ended(0.5, kill_seconds=0.5)

    ended, killed = asyncio.run(attempt("sleep")), asyncio.run(attempt("stubborn"))
    assert (ended.exit_code, killed.exit_code) == (143, 137)
    assert ended.final
    assert ended.status_reason == killed.status_reason == "Job attempt duration exceeded timeout"


def test_no_job_outlives_the_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSCTL_LOCAL_PORT", "0")
    cloud = LocalCloud(tmp_path, ACCOUNT, REGION)
    running: Running = cloud.start()
    try:
        api = Batch(lambda service, **how: client_of(running, service, **how), *lay_out_in(running), [], "")
        job_id = api.submit("stubborn", arrayProperties={"size": 2})
        pid = wait_for("a process", lambda: process_of(f"{job_id}:0"))
        assert pid in processes_of(tmp_path)
    finally:
        cloud.stop()
    assert process_of(f"{job_id}:0") is None
    assert processes_of(tmp_path) == []


def lay_out_in(running: Running) -> tuple[str, str]:
    return lay_out(lambda service, **how: client_of(running, service, **how))
