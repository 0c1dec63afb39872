"""AWS services publish metrics of what really happened, and alarms on them ring and fall silent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clocked_cloud import ClockedCloud, clocked_cloud
from local_clouds import ACCOUNT, REGION

Values = Callable[..., list[float]]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedCloud]:
    with clocked_cloud(tmp_path_factory.mktemp("clocked")) as started:
        yield started


@pytest.fixture
def values(cloud: ClockedCloud) -> Values:
    """One statistic of a metric with exactly these dimensions, oldest first, once everything is published."""

    def of(namespace: str, metric: str, statistic: str, unit: str = "Count", **dimensions: str) -> list[float]:
        cloud.advance()
        now = datetime.now(UTC)
        found = cloud.client("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName=metric, Statistics=[statistic], Period=60,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=6),
        )  # fmt: skip
        assert {point["Unit"] for point in found["Datapoints"]} <= {unit}
        return [point[statistic] for point in sorted(found["Datapoints"], key=lambda point: point["Timestamp"])]

    return of


class Alarm:
    """One alarm whose actions arrive in a queue of its own."""

    def __init__(self, cloud: ClockedCloud, namespace: str, metric: str, name: str = "", **settings: Any) -> None:
        self._cloud, self.name = cloud, name or f"{namespace}-{metric}".replace("/", "-").replace(".", "-")
        self._queue = cloud.client("sqs").create_queue(QueueName=f"told-{self.name}")["QueueUrl"]
        topic = cloud.client("sns").create_topic(Name=f"told-{self.name}")["TopicArn"]
        cloud.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:told-{self.name}"
        )
        dimensions = [{"Name": key, "Value": value} for key, value in settings.pop("dimensions").items()]
        cloud.client("cloudwatch").put_metric_alarm(**{
            "AlarmName": self.name, "Namespace": namespace, "MetricName": metric, "Dimensions": dimensions,
            "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
            "AlarmActions": [topic], "OKActions": [topic],
        } | settings)  # fmt: skip

    @property
    def state(self) -> str:
        found = self._cloud.client("cloudwatch").describe_alarms(AlarmNames=[self.name])
        return str(found["MetricAlarms"][0]["StateValue"])

    def told(self) -> list[str]:
        """The states that were announced since the last time."""
        sqs, states = self._cloud.client("sqs"), []
        while found := sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=1).get("Messages"):
            states.append(json.loads(json.loads(found[0]["Body"])["Message"])["NewStateValue"])
            sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=found[0]["ReceiptHandle"])
        return states

    def rings_and_falls_silent(self) -> None:
        """After the trouble; what ends it is that a few minutes pass without it."""
        self._cloud.advance()
        assert (self.state, self.told()[-1:]) == ("ALARM", ["ALARM"])
        self._cloud.advance(60)
        self._cloud.advance(60)
        self._cloud.advance(60)
        self._cloud.advance(60)
        assert (self.state, self.told()) == ("OK", ["OK"])


def queue_with_dead_letters(cloud: ClockedCloud, name: str) -> tuple[str, str]:
    sqs = cloud.client("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-dead", "maxReceiveCount": 1}
    work = sqs.create_queue(
        QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
    )["QueueUrl"]  # fmt: skip
    return work, dead


def test_a_dead_letter_rings_and_its_redrive_ends_the_alarm(cloud: ClockedCloud) -> None:
    sqs = cloud.client("sqs")
    work, dead = queue_with_dead_letters(cloud, "redriven")
    queue_with_dead_letters(cloud, "quiet")
    visible = {"Statistic": "Maximum", "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    alarm, quiet = (
        Alarm(cloud, "AWS/SQS", "ApproximateNumberOfMessagesVisible", f"dead-letters-of-{name}",
              dimensions={"QueueName": f"{name}-dead"}, **visible)
        for name in ("redriven", "quiet")
    )  # fmt: skip
    cloud.advance()
    assert (alarm.state, quiet.state) == ("OK", "OK")
    assert alarm.told() == ["OK"]
    sqs.send_message(QueueUrl=work, MessageBody="poison")
    for _ in range(2):  # the second receive finds it given up on
        sqs.receive_message(QueueUrl=work)
    cloud.advance()
    assert (alarm.state, alarm.told()) == ("ALARM", ["ALARM"])
    cloud.advance(600)
    assert (alarm.state, alarm.told()) == ("ALARM", []), "it is told once, and rings as long as the message is there"
    message = sqs.receive_message(QueueUrl=dead)["Messages"][0]
    sqs.send_message(QueueUrl=work, MessageBody=message["Body"])
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    cloud.advance(60)
    assert (alarm.state, alarm.told()) == ("OK", ["OK"])
    assert (quiet.state, quiet.told()) == ("OK", ["OK"]), "another queue's messages are none of its business"


def test_a_queue_tells_what_was_sent_received_and_deleted_and_what_waits(cloud: ClockedCloud, values: Values) -> None:
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    url = sqs.create_queue(QueueName="counted", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
    assert sqs.receive_message(QueueUrl=url).get("Messages") is None
    sqs.send_message(QueueUrl=url, MessageBody="four")
    sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "body"} for n in range(3)]
        + [{"Id": "later", "MessageBody": "late", "DelaySeconds": 900}],
    )  # fmt: skip
    topic = sns.create_topic(Name="to-counted")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:counted",
                  Attributes={"RawMessageDelivery": "true"})  # fmt: skip
    sns.publish(TopicArn=topic, Message="from")
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])

    def of(metric: str, statistic: str = "Sum", unit: str = "Count") -> list[float]:
        return values("AWS/SQS", metric, statistic, unit, QueueName="counted")

    assert sum(of("NumberOfMessagesSent")) == 6, "what a topic delivers counts, too"
    assert sum(of("SentMessageSize", unit="Bytes")) == 24
    assert sum(of("NumberOfMessagesReceived")) == 2
    assert sum(of("NumberOfEmptyReceives")) == 1
    assert sum(of("NumberOfMessagesDeleted")) == 1
    cloud.advance(120)
    assert of("ApproximateNumberOfMessagesVisible", "Maximum")[-1] == 3
    assert of("ApproximateNumberOfMessagesNotVisible", "Maximum")[-1] == 1
    assert of("ApproximateNumberOfMessagesDelayed", "Maximum")[-1] == 1
    assert of("ApproximateAgeOfOldestMessage", "Maximum", "Seconds")[-1] >= 120
    sqs.delete_queue(QueueUrl=url)
