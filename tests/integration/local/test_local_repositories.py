"""CodeCommit on the local cloud: commits and branches by its API, and triggers that call a function and a topic."""

from __future__ import annotations

import json
from typing import Any

import pytest
from local_clouds import ACCOUNT, REGION, Client, zipped
from services import wait_until

CODE = """
import boto3, json

def handler(event, context):
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="pushes")["QueueUrl"], MessageBody=json.dumps(event))
"""


def test_a_trigger_is_called_for_the_changes_and_branches_that_it_names(client: Client) -> None:
    commits, sqs = client("codecommit"), client("sqs")
    queue = sqs.create_queue(QueueName="pushes")["QueueUrl"]
    arn = commits.create_repository(repositoryName="notes", tags={"a": "b"})["repositoryMetadata"]["Arn"]
    assert commits.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}
    function = client("lambda").create_function(
        FunctionName="pushes", Runtime="python3.11", Role=f"arn:aws:iam::{ACCOUNT}:role/a-role", Timeout=20,
        Handler="handler.handler", Code={"ZipFile": zipped(CODE)},
    )["FunctionArn"]  # fmt: skip
    topic = client("sns").create_topic(Name="pushes")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:pushes")
    triggers = [
        {"name": "all", "destinationArn": function, "events": ["all"], "branches": [], "customData": "more"},
        {"name": "gone", "destinationArn": topic, "events": ["deleteReference"], "branches": ["draft"]},
    ]
    put = commits.put_repository_triggers(repositoryName="notes", triggers=triggers)
    kept = commits.get_repository_triggers(repositoryName="notes")
    assert (kept["configurationId"], [trigger["name"] for trigger in kept["triggers"]]) == (
        put["configurationId"], ["all", "gone"],
    )  # fmt: skip
    seen: list[dict[str, Any]] = []

    def records(count: int) -> list[dict[str, Any]]:
        def come() -> bool:
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in found.get("Messages", ()):
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                body = json.loads(message["Body"])
                seen.append((json.loads(body["Message"]) if "Message" in body else body)["Records"][0])
            return len(seen) >= count

        wait_until(come)
        return seen

    first = commits.put_file(repositoryName="notes", branchName="main", filePath="a/b.txt", fileContent=b"hello\n")
    # What git itself says: `printf 'hello\n' | git hash-object --stdin`
    assert first["blobId"] == "ce013625030ba8dba906f756967f9e9ca394464a"
    [record] = records(1)
    assert record["eventSource"] == "aws:codecommit"
    assert record["eventSourceARN"] == arn
    assert (record["eventTriggerName"], record["customData"]) == ("all", "more")
    assert record["codecommit"]["references"] == [
        {"commit": first["commitId"], "ref": "refs/heads/main", "created": True}
    ]
    second = commits.create_commit(
        repositoryName="notes", branchName="main", parentCommitId=first["commitId"],
        putFiles=[{"filePath": "c", "fileContent": b"x"}], deleteFiles=[{"filePath": "a/b.txt"}],
    )["commitId"]  # fmt: skip
    assert commits.get_branch(repositoryName="notes", branchName="main")["branch"]["commitId"] == second
    assert records(2)[1]["codecommit"]["references"] == [{"commit": second, "ref": "refs/heads/main"}]
    commits.create_branch(repositoryName="notes", branchName="draft", commitId=second)
    commits.delete_branch(repositoryName="notes", branchName="draft")
    ended = [record for record in records(5) if record["codecommit"]["references"][0].get("deleted")]
    assert {record["eventTriggerName"] for record in ended} == {"all", "gone"}
    with pytest.raises(commits.exceptions.ParentCommitIdOutdatedException):
        commits.put_file(
            repositoryName="notes", branchName="main", filePath="d", fileContent=b"d", parentCommitId=first["commitId"]
        )
    tested = commits.test_repository_triggers(
        repositoryName="notes",
        triggers=[triggers[0], {**triggers[1], "name": "nowhere", "destinationArn": f"{function}-gone"}],
    )
    assert tested["successfulExecutions"] == ["all"]
    assert [failure["trigger"] for failure in tested["failedExecutions"]] == ["nowhere"]
    assert records(6)[5]["eventName"] == "TriggerEventTest"
    commits.delete_repository(repositoryName="notes")
    with pytest.raises(commits.exceptions.RepositoryDoesNotExistException):
        commits.get_repository_triggers(repositoryName="notes")
