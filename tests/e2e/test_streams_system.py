"""The order stream and the bus: seeds' rows S7 (streams, bus, e-mail) and S4 (stream triggers), proved by effects."""

from __future__ import annotations

import base64
import json
import os
import signal
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import events
import pytest

from opsctl.queues import find_store, redrive
from opsctl.smoke import streams
from opsctl.smoke.check import Trial
from tests.e2e.project import Project, wait_for


class Orders:
    """An order after the other, written into the orders table or straight into the stream, and what became of it."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.aws, self.target = trial, trial.aws, trial.target
        self.customer = f"c-{uuid.uuid4().hex[:8]}"

    def write(self, transaction_id: str, status: str, cents: int = 500) -> None:
        """As the orders system writes it."""
        table = self.target.output("orders.tables.orders.name")
        item = {
            "transaction_id": {"S": transaction_id}, "customer_id": {"S": self.customer}, "status": {"S": status},
            "total_cents": {"N": str(cents)}, "correlation_id": {"S": f"trace-{transaction_id}"},
            "updated_at": {"S": "2001-02-03T04:05:06Z"},
        }  # fmt: skip
        self.aws.call("dynamodb", "put_item", TableName=table, Item=item)

    def put(self, *records: tuple[str, bytes]) -> None:
        """(partition key, data) straight into the stream."""
        self.aws.call(
            "kinesis", "put_records", StreamName=self.target.output("streams.streams.orders.name"),
            Records=[{"PartitionKey": key, "Data": data} for key, data in records],
        )  # fmt: skip

    def change(self, transaction_id: str, status: str = "received", sequence: int = 1) -> tuple[str, bytes]:
        return transaction_id, json.dumps(streams.change(transaction_id, self.customer, status, sequence)).encode()

    def audited(self, transaction_id: str) -> list[str]:
        return [entry["status"]["S"] for entry in streams.entries(self.trial, transaction_id)]

    def counted(self) -> dict[str, int]:
        """How often the customer's orders entered each state."""
        found = streams.total(self.trial, f"customer#{self.customer}")
        return {name: int(value["N"]) for name, value in found.items() if name != "total" and "_cents" not in name}

    def history(self) -> dict[str, str]:
        """The customer's orders as they are now."""
        found = self.aws.call(
            "dynamodb", "query", TableName=self.target.output("streams.tables.order-history.name"),
            KeyConditionExpression="customer_id = :c", ExpressionAttributeValues={":c": {"S": self.customer}},
            ConsistentRead=True,
        )["Items"]  # fmt: skip
        return {item["transaction_id"]["S"]: item["status"]["S"] for item in found}

    def consumers(self) -> list[str]:
        """The stream's functions."""
        return [
            self.target.output(f"streams.functions.{name}.function_name") for name in ("order-audit", "order-totals")
        ]

    def logged(self, word: str) -> list[dict[str, Any]]:
        """Lines of the bus's log group with a word."""
        group = self.target.output("events.log_group")
        return list(
            self.aws.pages("logs", "filter_log_events", "events[]", logGroupName=group, filterPattern=f'"{word}"')
        )

    def failures(self) -> list[dict[str, Any]]:
        """What the stream's functions gave up."""
        bucket = self.target.output("streams.failures.id")
        return [
            json.loads(self.aws.call("s3", "get_object", Bucket=bucket, Key=entry["Key"])["Body"].read())
            for entry in self.aws.pages("s3", "list_objects_v2", "Contents[]", Bucket=bucket)
        ]

    def given_up(self, data: bytes) -> dict[str, dict[str, Any]]:
        """The objects of those that gave up just this record, by function."""
        found = {}
        for document in self.failures():
            records = json.loads(document["payload"])["Records"]
            if [base64.b64decode(r["kinesis"]["data"]) for r in records if "kinesis" in r] == [data]:
                found[document["requestContext"]["functionArn"].split(":")[6]] = document
        return found


@pytest.fixture
def orders(trial: Trial) -> Orders:
    return Orders(trial)


def messages(orders: Orders, url: str, wanted: set[str], field: str = "transaction_id") -> list[dict[str, Any]]:
    """The messages about these orders; they are taken out, until all were seen."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        answer = orders.aws.call(
            "sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
        )  # fmt: skip
        for message in answer.get("Messages", []):
            body = json.loads(message["Body"])
            detail = body.get("detail", body)
            if isinstance(detail, dict) and detail.get(field) in wanted:
                reason = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue")
                found.append({"body": body, "about": detail[field], "reason": reason})
                orders.aws.call("sqs", "delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return {message["about"] for message in found} >= wanted

    wait_for(look, what=f"messages about {wanted} in {url}")
    return found


def letters_to(orders: Orders, address: str) -> list[dict[str, Any]]:
    """What MiniStack's SES was handed for an address."""
    with urllib.request.urlopen(f"{orders.aws.access.endpoint_url}/_ministack/ses/messages") as answer:
        sent = json.load(answer)["messages"]
    return [letter for letters in sent.values() for letter in letters if address in letter["To"]]


def confirmed(orders: Orders, **changes: Any) -> dict[str, Any]:
    email = f"{orders.customer}@example.com"
    detail = streams.confirmed_order(orders.trial, transaction_id=f"t-{uuid.uuid4().hex[:12]}", email=email)
    return {**detail, **changes}


def put_event(orders: Orders, detail: dict[str, Any]) -> None:
    """Straight onto the bus, as a publisher that checks nothing would."""
    entry = {
        "EventBusName": orders.target.output("events.bus.name"), "Source": "orders",
        "DetailType": "order.confirmed", "Detail": json.dumps(detail),
    }  # fmt: skip
    assert orders.aws.call("events", "put_events", Entries=[entry])["FailedEntryCount"] == 0


def test_an_orders_changes_reach_each_consumer_in_order_and_confirmed_ones_are_shipped(orders: Orders) -> None:
    names = [f"t-{uuid.uuid4().hex[:12]}" for _ in range(4)]
    for status in ("received", "reserved", "confirmed"):
        for name in names[:3]:
            orders.write(name, status)
    orders.write(names[3], "received")
    orders.write(names[3], "cancelled")

    wait_for(lambda: orders.counted() == {"received": 4, "reserved": 3, "confirmed": 3, "cancelled": 1}, what="totals")
    wait_for(lambda: orders.audited(names[3]) == ["received", "cancelled"], what="the audit of the last")
    assert [orders.audited(name) for name in names[:3]] == [["received", "reserved", "confirmed"]] * 3
    wait_for(
        lambda: orders.history() == {**dict.fromkeys(names[:3], "confirmed"), names[3]: "cancelled"}, what="history"
    )
    shipped = messages(orders, orders.target.output("streams.shipments.url"), set(names[:3]))
    assert sorted(message["about"] for message in shipped) == sorted(names[:3])
    assert shipped[0]["body"]["correlation_id"].startswith("trace-t-")


def test_a_record_delivered_twice_has_one_effect(orders: Orders) -> None:
    first, second = (f"t-{uuid.uuid4().hex[:12]}" for _ in range(2))
    orders.put(orders.change(first), orders.change(first), orders.change(second))
    orders.put(orders.change(first), orders.change(f"{second}-last"))
    wait_for(lambda: orders.audited(f"{second}-last"), what="the last")
    wait_for(lambda: orders.counted() == {"received": 3}, what="totals")
    assert orders.audited(first) == ["received"]


def test_poison_does_not_stop_the_stream_and_is_kept_whole_with_its_reason(orders: Orders) -> None:
    names = [f"t-{uuid.uuid4().hex[:12]}" for _ in range(6)]
    key, wrong = orders.change(names[0], "received")
    broken = json.dumps({**json.loads(wrong), "total_cents": -1}).encode()
    poison = [b"\x00not json" + os.urandom(8), broken, b"x" * 900_000]
    good = [orders.change(name) for name in names]
    orders.put(*good[:2], (key, poison[0]), *good[2:4], (key, poison[1]), (key, poison[2]), *good[4:])

    consumers = {
        orders.target.output(f"streams.functions.{name}.function_name") for name in ("order-audit", "order-totals")
    }
    for data in poison:
        wait_for(lambda data=data: set(orders.given_up(data)) == consumers, what=f"{data[:30]!r} in the bucket")
    for document in orders.given_up(poison[0]).values():
        assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
        assert document["requestContext"]["approximateInvokeCount"] == 4
        assert document["KinesisBatchInfo"]["batchSize"] == 1
    wait_for(lambda: all(orders.audited(name) == ["received"] for name in names), what="the good ones' audit")
    wait_for(lambda: orders.counted() == {"received": 6}, what="the good ones' totals")


def test_an_item_that_is_no_order_is_given_up_by_the_tables_function_and_passed_over_by_the_pipe(
    orders: Orders,
) -> None:
    odd, good = f"t-{uuid.uuid4().hex[:12]}", f"t-{uuid.uuid4().hex[:12]}"
    table = orders.target.output("orders.tables.orders.name")
    orders.aws.call("dynamodb", "put_item", TableName=table, Item={"transaction_id": {"S": odd}})
    orders.write(good, "received")
    wait_for(lambda: orders.history() == {good: "received"}, what="the order after it")
    [document] = [failure for failure in orders.failures() if odd in failure["payload"]]
    assert "DDBStreamBatchInfo" in document
    assert document["requestContext"]["functionArn"].split(":")[6].endswith("order-history")
    wait_for(lambda: orders.audited(good), what="the order in the audit")
    assert orders.audited(odd) == []


@contextmanager
def stopped(orders: Orders, name: str) -> Iterator[None]:
    """A function that nobody can invoke; its mapping gives records up after a second."""
    function = orders.target.output(f"streams.functions.{name}.function_name")
    mapping = orders.target.output(f"streams.mappings.{name}")
    orders.aws.call("lambda", "put_function_concurrency", FunctionName=function, ReservedConcurrentExecutions=0)
    orders.aws.call("lambda", "update_event_source_mapping", UUID=mapping, MaximumRecordAgeInSeconds=1)
    try:
        yield
    finally:
        orders.aws.call("lambda", "update_event_source_mapping", UUID=mapping, MaximumRecordAgeInSeconds=6 * 3600)
        orders.aws.call("lambda", "delete_function_concurrency", FunctionName=function)


def test_a_consumer_that_is_down_for_too_long_holds_up_nobody_and_redrive_gives_it_what_it_missed(
    stack: Project, orders: Orders
) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    key, data = orders.change(name)
    with stopped(orders, "order-audit"):
        orders.put((key, data))
        wait_for(lambda: orders.counted() == {"received": 1}, what="the other consumer")
        wait_for(lambda: orders.given_up(data), what="the record in the bucket")
    assert orders.audited(name) == []
    assert next(iter(orders.given_up(data).values()))["requestContext"]["condition"] == "RecordAgeExceeded"

    outputs = stack.json("outputs", "local")
    report = redrive(orders.aws, find_store("local", outputs, "stream-failures"))
    assert report.moved
    wait_for(lambda: orders.audited(name) == ["received"], what="what was missed")
    assert orders.given_up(data) == {}
    assert orders.counted() == {"received": 1}


def test_what_still_fails_stays_in_the_bucket_when_it_is_put_back(stack: Project, orders: Orders) -> None:
    data = b"never json " + os.urandom(8).hex().encode()
    orders.put(("k", data))
    wait_for(lambda: len(orders.given_up(data)) == 2, what="the poison in the bucket")
    report = redrive(orders.aws, find_store("local", stack.json("outputs", "local"), "stream-failures"))
    assert report.failed
    assert len(orders.given_up(data)) == 2


def test_killed_workers_lose_no_record_and_count_none_twice(stack: Project, orders: Orders) -> None:
    names = [f"t-{uuid.uuid4().hex[:12]}" for _ in range(150)]
    for first in range(0, len(names), 50):
        orders.put(*(orders.change(name) for name in names[first : first + 50]))
    for function in orders.consumers():
        for number in range(2):
            victim = wait_for(partial(workers, function), seconds=20, what=f"a worker of {function}, the {number + 1}.")
            os.kill(victim[0], signal.SIGKILL)
    wait_for(lambda: orders.counted() == {"received": len(names)}, what="all totals", seconds=90)
    wait_for(lambda: all(orders.audited(name) == ["received"] for name in names), what="the whole audit", seconds=90)


def workers(function: str) -> list[int]:
    """Lambda workers of a function."""
    mark = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_one_event_reaches_the_queue_the_log_and_the_customers_mailbox_and_twice_delivered_writes_once(
    orders: Orders,
) -> None:
    detail = confirmed(orders)
    bus = orders.target.output("events.bus.name")
    events.publish(orders.aws.client("events"), bus, "orders", "order.confirmed", detail)
    [message] = messages(orders, orders.target.output("events.audit_queue.url"), {detail["transaction_id"]})
    assert message["body"]["detail"] == detail
    assert message["body"]["source"] == "orders"

    [letter] = wait_for(lambda: letters_to(orders, detail["email"]), what="the letter")
    assert letter["Source"] == orders.target.output("events.sender")
    assert letter["Subject"] == f"Your order {detail['transaction_id']} is confirmed"
    assert "     2 x tea" in letter["BodyText"]
    assert "Total: 12.50" in letter["BodyText"]

    wait_for(lambda: orders.logged(detail["transaction_id"]), what="the event in the log")

    put_event(orders, detail)
    other = confirmed(orders)
    put_event(orders, other)
    messages(orders, orders.target.output("events.audit_queue.url"), {other["transaction_id"]})
    wait_for(lambda: len(letters_to(orders, detail["email"])) == 2, what="the other order's letter")
    subjects = sorted(letter["Subject"].split()[2] for letter in letters_to(orders, detail["email"]))
    assert subjects == sorted([detail["transaction_id"], other["transaction_id"]])


def test_an_event_that_breaks_its_schema_is_refused_by_the_publisher(orders: Orders) -> None:
    bus, client = orders.target.output("events.bus.name"), orders.aws.client("events")
    for broken, why in (({"email": "nobody"}, "email"), ({"items": []}, "items"), ({"note": "x" * 262_144}, "262144")):
        with pytest.raises(events.Invalid, match=why):
            events.publish(client, bus, "orders", "order.confirmed", confirmed(orders, **broken))


def test_an_event_that_breaks_its_schema_and_gets_onto_the_bus_is_set_aside_with_its_reason(orders: Orders) -> None:
    detail = confirmed(orders, items="tea")
    put_event(orders, detail)
    queue = orders.target.output("events.failure_queues.event-failures.url")
    [message] = messages(orders, queue, {detail["transaction_id"]})
    assert "items" in message["reason"]
    assert message["body"]["detail"] == detail
    assert letters_to(orders, detail["email"]) == []
