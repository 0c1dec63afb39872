"""AWS services publish metrics of what really happened, and alarms on them ring and fall silent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clocked_cloud import ClockedCloud, clocked_cloud
from local_clouds import ACCOUNT, REGION, zipped
from services import wait_until
from websockets.sync.client import connect

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
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=12),
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


def test_a_topic_tells_what_was_published_delivered_and_filtered_out(cloud: ClockedCloud, values: Values) -> None:
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    sqs.create_queue(QueueName="listener")
    topic = sns.create_topic(Name="news")["TopicArn"]
    for queue, settings in {
        "listener": {},
        "picky": {"FilterPolicy": json.dumps({"kind": ["other"]})},
    }.items():
        sqs.create_queue(QueueName=queue)
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}", Attributes=settings
        )
    alarm = Alarm(cloud, "AWS/SNS", "NumberOfNotificationsFailed", dimensions={"TopicName": "news"})
    sns.publish(TopicArn=topic, Message="12345678")
    sns.publish_batch(
        TopicArn=topic, PublishBatchRequestEntries=[{"Id": str(n), "Message": "1234"} for n in range(2)]
    )  # fmt: skip

    def total(metric: str, unit: str = "Count") -> float:
        return sum(values("AWS/SNS", metric, "Sum", unit, TopicName="news"))

    assert total("NumberOfMessagesPublished") == 3
    assert total("PublishSize", "Bytes") == 16
    assert total("NumberOfNotificationsDelivered") == 3
    assert total("NumberOfNotificationsFailed") == 0
    assert (
        total("NumberOfNotificationsFilteredOut") == total("NumberOfNotificationsFilteredOut-NoMessageAttributes") == 3
    )
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="listener")["QueueUrl"])
    sns.publish(TopicArn=topic, Message="nobody there")
    alarm.rings_and_falls_silent()


def test_a_table_tells_its_requests_capacity_and_errors(cloud: ClockedCloud, values: Values) -> None:
    tables = cloud.client("dynamodb")
    tables.create_table(
        TableName="things", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    alarm = Alarm(cloud, "AWS/DynamoDB", "UserErrors", dimensions={})
    big = {"id": {"S": "big"}, "data": {"S": "x" * 1500}}
    tables.put_item(TableName="things", Item=big)
    tables.get_item(TableName="things", Key={"id": {"S": "big"}}, ConsistentRead=True)
    tables.batch_write_item(RequestItems={"things": [{"PutRequest": {"Item": {**big, "id": {"S": "b"}}}}]})
    tables.transact_write_items(TransactItems=[{"Put": {"TableName": "things", "Item": {"id": {"S": "c"}}}}])
    assert tables.scan(TableName="things")["Count"] == 3
    with pytest.raises(tables.exceptions.ConditionalCheckFailedException):
        tables.put_item(TableName="things", Item=big, ConditionExpression="attribute_not_exists(id)")

    def of(metric: str, statistic: str = "Sum", unit: str = "Count", **operation: str) -> float:
        return sum(values("AWS/DynamoDB", metric, statistic, unit, TableName="things", **operation))

    assert of("ConsumedWriteCapacityUnits") == 2 + 2 + 2
    assert of("ConsumedReadCapacityUnits") == 1 + 0.5
    assert of("ConditionalCheckFailedRequests") == 1
    assert of("ReturnedItemCount", Operation="Scan") == 3
    for operation in ("PutItem", "GetItem", "BatchWriteItem", "TransactWriteItems", "Scan"):
        assert of("SuccessfulRequestLatency", "SampleCount", "Milliseconds", Operation=operation) == 1
    cloud.advance(60)
    assert alarm.state == "OK", "a condition that isn't met is no error of the user"
    assert alarm.told() == ["OK"]
    with pytest.raises(tables.exceptions.ResourceNotFoundException):
        tables.get_item(TableName="nothing", Key={"id": {"S": "1"}})
    alarm.rings_and_falls_silent()


def test_a_bucket_tells_of_requests_only_when_asked_and_of_its_size_each_day(
    cloud: ClockedCloud, values: Values
) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="measured", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="measured", Key="images/before", Body=b"12345")
    for name, settings in {"all": {}, "images": {"Filter": {"Prefix": "images/"}}}.items():
        s3.put_bucket_metrics_configuration(
            Bucket="measured",
            Id=name,
            MetricsConfiguration={"Id": name, **settings},
        )
    read = s3.get_bucket_metrics_configuration(Bucket="measured", Id="images")["MetricsConfiguration"]
    assert read == {"Id": "images", "Filter": {"Prefix": "images/"}}
    listed = s3.list_bucket_metrics_configurations(Bucket="measured")["MetricsConfigurationList"]
    assert sorted(one["Id"] for one in listed) == ["all", "images"]
    alarm = Alarm(
        cloud, "AWS/S3", "4xxErrors", dimensions={"BucketName": "measured", "FilterId": "images"},
        Statistic="Average", Threshold=0.05, TreatMissingData="notBreaching",
    )  # fmt: skip
    s3.put_object(Bucket="measured", Key="images/a", Body=b"123")
    s3.get_object(Bucket="measured", Key="images/a")["Body"].read()
    s3.put_object(Bucket="measured", Key="other", Body=b"1234")

    def total(metric: str, filter_id: str, unit: str = "Count") -> float:
        return sum(values("AWS/S3", metric, "Sum", unit, BucketName="measured", FilterId=filter_id))

    assert (total("AllRequests", "all"), total("AllRequests", "images")) == (3, 2)
    assert (total("PutRequests", "all"), total("GetRequests", "images")) == (2, 1)
    assert (total("BytesUploaded", "all", "Bytes"), total("BytesDownloaded", "all", "Bytes")) == (7, 3)
    assert total("4xxErrors", "images") == 0
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="measured", Key="images/none")
    alarm.rings_and_falls_silent()
    s3.delete_bucket_metrics_configuration(Bucket="measured", Id="all")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchConfiguration"):
        s3.get_bucket_metrics_configuration(Bucket="measured", Id="all")


def test_a_rule_tells_what_it_matched_and_whether_its_target_was_there(cloud: ClockedCloud, values: Values) -> None:
    events, sqs = cloud.client("events"), cloud.client("sqs")
    events.create_event_bus(Name="orders")
    cloud.client("logs").create_log_group(logGroupName="/events")
    for queue in ("of-the-rule", "letters-of-rules"):
        sqs.create_queue(QueueName=queue)
    for name, target in {"kept": "of-the-rule", "lost": "no-such-queue"}.items():
        events.put_rule(Name=name, EventBusName="orders", EventPattern=json.dumps({"source": ["shop"]}))
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{target}"
        letters = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters-of-rules"}
        targets = [{"Id": "queue", "Arn": arn, "DeadLetterConfig": letters}]
        events.put_targets(Rule=name, EventBusName="orders", Targets=targets)
    log = {"Id": "log", "Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/events"}
    events.put_targets(Rule="kept", EventBusName="orders", Targets=[log])
    failed = {"EventBusName": "orders", "RuleName": "lost"}
    alarm = Alarm(cloud, "AWS/Events", "FailedInvocations", dimensions=failed)
    entries = [
        {"EventBusName": "orders", "Source": source, "DetailType": "order.placed", "Detail": "{}"}
        for source in ("shop", "shop", "other")
    ]
    events.put_events(Entries=entries)

    def total(metric: str, rule: str) -> float:
        return sum(values("AWS/Events", metric, "Sum", EventBusName="orders", RuleName=rule))

    for metric in ("MatchedEvents", "TriggeredRules"):
        assert (total(metric, "kept"), total(metric, "lost")) == (2, 2), metric
    assert (total("Invocations", "kept"), total("Invocations", "lost")) == (4, 2), "one for each target"
    assert (total("FailedInvocations", "kept"), total("FailedInvocations", "lost")) == (0, 2)
    assert (total("InvocationsSentToDlq", "kept"), total("InvocationsSentToDlq", "lost")) == (0, 2)
    alarm.rings_and_falls_silent()


def test_a_stream_tells_what_came_in_and_was_read(cloud: ClockedCloud, values: Values) -> None:
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName="readings", ShardCount=1)
    age: dict[str, Any] = {"Statistic": "Maximum", "Threshold": 60_000}
    alarm = Alarm(
        cloud, "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", dimensions={"StreamName": "readings"}, **age
    )
    kinesis.put_record(StreamName="readings", Data=b"1234", PartitionKey="a")
    kinesis.put_records(StreamName="readings", Records=[{"Data": b"12", "PartitionKey": "a"}] * 3)
    shard = kinesis.list_shards(StreamName="readings")["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName="readings", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    cloud.advance(120)
    assert len(kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]) == 4

    def total(metric: str, unit: str = "Count") -> float:
        return sum(values("AWS/Kinesis", metric, "Sum", unit, StreamName="readings"))

    assert (total("IncomingRecords"), total("IncomingBytes", "Bytes")) == (4, 10)
    assert (total("PutRecord.Success"), total("PutRecords.TotalRecords"), total("PutRecords.FailedRecords")) == (
        1,
        3,
        0,
    )
    assert (total("GetRecords.Records"), total("GetRecords.Bytes", "Bytes")) == (4, 10)
    assert total("WriteProvisionedThroughputExceeded") == 0
    alarm.rings_and_falls_silent()


def test_a_mail_is_counted(cloud: ClockedCloud, values: Values) -> None:
    mails = cloud.client("sesv2")
    mails.create_email_identity(EmailIdentity="shop@example.test")
    mails.send_email(
        FromEmailAddress="shop@example.test", Destination={"ToAddresses": ["you@example.test"]},
        Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
    )  # fmt: skip
    assert sum(values("AWS/SES", "Send", "Sum")) == sum(values("AWS/SES", "Delivery", "Sum")) == 1


def test_every_invocation_of_a_function_counts_whoever_asked(cloud: ClockedCloud, values: Values) -> None:
    functions, sqs = cloud.client("lambda"), cloud.client("sqs")
    functions.create_function(
        FunctionName="worked", Runtime="python3.11", Handler="handler.handle", Role=f"arn:aws:iam::{ACCOUNT}:role/f",
        Code={"ZipFile": zipped("def handle(event, context):\n    return {'done': 1 / event.get('divisor', 1)}")},
    )  # fmt: skip
    alarm = Alarm(cloud, "AWS/Lambda", "Errors", dimensions={"FunctionName": "worked"})
    throttled = Alarm(cloud, "AWS/Lambda", "Throttles", dimensions={})
    url = sqs.create_queue(QueueName="worked-off")["QueueUrl"]
    functions.create_event_source_mapping(
        FunctionName="worked", EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:worked-off", BatchSize=1
    )
    functions.invoke(FunctionName="worked", Payload=b"{}")
    functions.invoke(FunctionName="worked", Payload=b"{}", InvocationType="Event")
    sqs.send_message(QueueUrl=url, MessageBody="x")

    def total(metric: str, statistic: str = "Sum", unit: str = "Count") -> float:
        return sum(values("AWS/Lambda", metric, statistic, unit, FunctionName="worked"))

    wait_until(lambda: total("Invocations") == 3)
    assert total("Errors") == total("Throttles") == 0
    assert total("Duration", "SampleCount", "Milliseconds") == total("Errors", "SampleCount") == 3
    assert total("ConcurrentExecutions", "Maximum") >= 1
    functions.invoke(FunctionName="worked", Payload=b'{"divisor": 0}')
    alarm.rings_and_falls_silent()
    functions.put_function_concurrency(FunctionName="worked", ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName="worked", Payload=b"{}")
    throttled.rings_and_falls_silent()
    assert total("Invocations") == 4, "what is throttled is no invocation"


def test_a_pipe_tells_what_it_moved_and_that_it_failed(cloud: ClockedCloud, values: Values) -> None:
    sqs, pipes = cloud.client("sqs"), cloud.client("pipes")
    first = sqs.create_queue(QueueName="into-the-pipe")["QueueUrl"]
    second = sqs.create_queue(QueueName="out-of-the-pipe")["QueueUrl"]
    pipes.create_pipe(
        Name="moved", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/pipe",
        Source=f"arn:aws:sqs:{REGION}:{ACCOUNT}:into-the-pipe",
        Target=f"arn:aws:sqs:{REGION}:{ACCOUNT}:out-of-the-pipe",
    )  # fmt: skip
    alarm = Alarm(cloud, "AWS/EventBridge/Pipes", "ExecutionFailed", dimensions={"PipeName": "moved"})

    def total(metric: str, statistic: str = "Sum", unit: str = "Count") -> float:
        return sum(values("AWS/EventBridge/Pipes", metric, statistic, unit, PipeName="moved"))

    sqs.send_message(QueueUrl=first, MessageBody="x")
    wait_until(lambda: total("EventCount") == 1)
    wait_until(lambda: total("Duration", "SampleCount", "Milliseconds") == total("Invocations") == 1)
    assert total("ExecutionFailed") == 0
    sqs.delete_queue(QueueUrl=second)
    sqs.send_message(QueueUrl=first, MessageBody="y")
    wait_until(lambda: total("ExecutionFailed") >= 1)
    alarm.rings_and_falls_silent()
    pipes.delete_pipe(Name="moved")


def test_old_points_of_services_are_forgotten_and_those_of_programs_kept(cloud: ClockedCloud, values: Values) -> None:
    url = cloud.client("sqs").create_queue(QueueName="old")["QueueUrl"]
    own = {"MetricName": "orders", "Value": 1.0, "Unit": "Count"}
    cloud.client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=[own])
    before = len(values("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName="old"))
    assert before >= 1
    for _ in range(before):  # as many minutes as there were, and then long enough
        cloud.advance(60)
    cloud.advance(7 * 3600)
    assert len(values("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName="old")) == 1
    assert values("Shop", "orders", "Sum") == [1]
    cloud.client("sqs").delete_queue(QueueUrl=url)


def test_a_schedule_that_gives_up_rings(cloud: ClockedCloud, values: Values) -> None:
    schedules = cloud.client("scheduler")
    schedules.create_schedule_group(Name="nightly")
    alarm = Alarm(cloud, "AWS/Scheduler", "InvocationDroppedCount", dimensions={"ScheduleGroup": "nightly"})
    schedules.create_schedule(
        Name="lost", GroupName="nightly", FlexibleTimeWindow={"Mode": "OFF"},
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=2):%Y-%m-%dT%H:%M:%S})",
        Target={
            "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:no-such-queue", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/s",
            "RetryPolicy": {"MaximumRetryAttempts": 0}, "Input": "{}",
        },
    )  # fmt: skip

    def total(metric: str) -> float:
        return sum(values("AWS/Scheduler", metric, "Sum", ScheduleGroup="nightly"))

    wait_until(lambda: total("InvocationDroppedCount") == 1)
    assert total("InvocationAttemptCount") == 1
    alarm.rings_and_falls_silent()


def test_a_state_machine_that_fails_rings(cloud: ClockedCloud, values: Values) -> None:
    machines = cloud.client("stepfunctions")
    arn = machines.create_state_machine(
        name="fails", roleArn=f"arn:aws:iam::{ACCOUNT}:role/s",
        definition=json.dumps({"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "No"}}}),
    )["stateMachineArn"]  # fmt: skip
    alarm = Alarm(cloud, "AWS/States", "ExecutionsFailed", dimensions={"StateMachineArn": arn})
    machines.start_execution(stateMachineArn=arn)

    def total(metric: str) -> float:
        return sum(values("AWS/States", metric, "Sum", StateMachineArn=arn))

    wait_until(lambda: total("ExecutionsFailed") == 1)
    assert total("ExecutionsStarted") == 1
    alarm.rings_and_falls_silent()


def test_a_websocket_api_whose_function_fails_rings(cloud: ClockedCloud, values: Values) -> None:
    gateway, functions = cloud.client("apigatewayv2"), cloud.client("lambda")
    api = gateway.create_api(Name="talk", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    arn = functions.create_function(
        FunctionName="talk", Runtime="python3.11", Handler="handler.handle", Role=f"arn:aws:iam::{ACCOUNT}:role/f",
        Code={"ZipFile": zipped("def handle(event, context):\n    raise Exception('no')")},
    )["FunctionArn"]  # fmt: skip
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    made = gateway.create_integration(ApiId=api["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=uri)
    gateway.create_route(ApiId=api["ApiId"], RouteKey="$default", Target=f"integrations/{made['IntegrationId']}")
    gateway.create_stage(ApiId=api["ApiId"], StageName="live", AutoDeploy=True)
    place = {"ApiId": api["ApiId"], "Stage": "live"}
    alarm = Alarm(
        cloud, "AWS/ApiGateway", "ExecutionError", dimensions=place, Statistic="Average", Threshold=0.05
    )  # fmt: skip
    host = f"{api['ApiId']}.execute-api.{REGION}.amazonaws.com"
    with connect(f"ws://{host}/live", address=("127.0.0.1", cloud.port), compression=None, proxy=None) as client:
        client.send("{}")
        assert json.loads(client.recv(timeout=10))["message"] == "Internal server error"

    def total(metric: str) -> float:
        return sum(values("AWS/ApiGateway", metric, "Sum", **place))

    wait_until(lambda: total("MessageCount") >= 1)
    assert total("ExecutionError") == 1
    alarm.rings_and_falls_silent()
