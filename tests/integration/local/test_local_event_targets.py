"""EventBridge: a log group as target; what a target that is gone can't be given."""

from __future__ import annotations

import json
import time
from typing import Any

from local_clouds import ACCOUNT, REGION, Client


def put(client: Client, source: str) -> None:
    client("events").put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": '{"order": 1}'}])


def rule(client: Client, name: str, **target: Any) -> str:
    events = client("events")
    arn: str = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "one", **target}])
    return arn


def test_an_event_is_a_line_of_the_log_group_that_is_its_target(client: Client) -> None:
    logs, group = client("logs"), "/aws/events/targets"
    logs.create_log_group(logGroupName=group)
    rule(client, "to-log", Arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}")
    put(client, "to-log")
    deadline, lines = time.monotonic() + 20, []
    while not lines and time.monotonic() < deadline:
        lines = logs.filter_log_events(logGroupName=group)["events"]
        time.sleep(0.1)
    event = json.loads(lines[0]["message"])
    assert (event["source"], event["detail"]) == ("to-log", {"order": 1})


def test_an_event_for_a_queue_that_is_gone_goes_to_the_dead_letter_queue_with_the_reason(client: Client) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="undelivered-events")["QueueUrl"]
    dead = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    arn = rule(client, "to-nowhere", Arn=gone, DeadLetterConfig={"Arn": dead})
    put(client, "to-nowhere")
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])["Messages"]
    said = {name: attribute["StringValue"] for name, attribute in message["MessageAttributes"].items()}
    assert (said["RULE_ARN"], said["TARGET_ARN"], said["ERROR_CODE"]) == (arn, gone, "NO_RESOURCE")
    assert json.loads(message["Body"])["detail"] == {"order": 1}
