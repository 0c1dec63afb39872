"""The orders functions against moto's DynamoDB, SNS and SQS and a payment provider of our own: deaths, repeats."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from conftest import CONTEXT, REGION, batch
from moto import mock_aws

MODULES = Path(__file__).parents[3] / "terraform/modules"
FUNCTIONS, LAYER = MODULES / "orders/functions", MODULES / "function_layer/layers/shared"
ID = "3f2b8c1e-7d4a-4f3b-9c55-1a2b3c4d5e6f"
BODY: dict[str, Any] = {
    "transaction_id": ID, "customer": "Ada", "email": "ada@example.com", "payment": {"method": "tok_visa"},
    "items": [{"sku": "tea", "quantity": 2, "unit_price_cents": 450}],
}  # fmt: skip


class Died(BaseException):
    """What a killed worker looks like to its own code: it never goes on."""


@dataclass
class World:
    """What the functions work on."""

    orders: Any
    stock: Any
    guards: Any
    events: Any
    notices: Any
    letters: Any

    @property
    def order(self) -> dict[str, Any]:
        found: dict[str, Any] = self.orders.get_item(Key={"transaction_id": ID}).get("Item", {})
        return found

    @property
    def tea(self) -> int:
        return int(self.stock.get_item(Key={"id": "stock#tea"})["Item"]["available"])

    def told(self, queue: Any) -> list[dict[str, Any]]:
        """What a topic's listener heard since this was last asked: body and attributes."""
        found = []
        while messages := queue.receive_messages(MaxNumberOfMessages=10, MessageAttributeNames=["All"]):
            for message in messages:
                attributes = message.message_attributes or {}
                found.append(
                    {name: value["StringValue"] for name, value in attributes.items()} | {"body": message.body}
                )
                message.delete()
        return found


@dataclass
class Provider:
    """A payment provider; `status` is its answer, `charges` its books by idempotency key."""

    status: int = 201
    requests: list[str] = field(default_factory=list)
    charges: dict[str, int] = field(default_factory=dict)


@pytest.fixture
def provider() -> Iterator[tuple[Provider, str]]:
    books = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            wanted = json.loads(self.rfile.read(int(self.headers["content-length"])))
            books.requests.append(self.path)
            if books.status == 201 and self.path == "/charges":
                books.charges.setdefault(self.headers["idempotency-key"], wanted["amount_cents"])
            body = json.dumps({"charge_id": "ch_1", "error": "card_declined", "status": "refunded"}).encode()
            self.send_response(books.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield books, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, provider: tuple[Provider, str]) -> Iterator[World]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        dynamodb, sns, sqs = boto3.resource("dynamodb"), boto3.resource("sns"), boto3.resource("sqs")
        tables = [
            dynamodb.create_table(
                TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            )
            for name, key in (("orders", "transaction_id"), ("stock", "id"), ("guards", "id"))
        ]  # fmt: skip
        topics = [sns.create_topic(Name=name) for name in ("events", "notices")]
        queues = [sqs.create_queue(QueueName=name) for name in ("events", "notices", "letters")]
        for topic, queue in zip(topics, queues, strict=False):
            topic.subscribe(
                Protocol="sqs", Endpoint=queue.attributes["QueueArn"], Attributes={"RawMessageDelivery": "true"}
            )
        settings = {
            "ORDERS_TABLE": "orders", "STOCK_TABLE": "stock", "GUARDS_TABLE": "guards", "TOPIC_ARN": topics[0].arn,
            "NOTICES_TOPIC_ARN": topics[1].arn, "DEAD_LETTERS_URL": queues[2].url, "SAGA_ARN": "arn:saga",
            "PAYMENT_PROVIDER_URL": provider[1], "PAYMENT_TIMEOUT_SECONDS": "1", "BREAKER_FAILURES": "3",
            "BREAKER_COOL_DOWN_SECONDS": "60", "BREAKER_PROBE_SECONDS": "15", "POWERTOOLS_SERVICE_NAME": "orders",
            "POWERTOOLS_METRICS_NAMESPACE": "test",
        }  # fmt: skip
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        tables[1].put_item(Item={"id": "stock#tea", "available": 10})
        yield World(*tables, *queues)


@contextmanager
def loaded(function: str) -> Iterator[ModuleType]:
    """As Lambda loads it: with its folder and the layer on the path, and modules of its own."""
    folder = FUNCTIONS / function
    sys.path[:0] = [str(folder), str(LAYER)]
    try:
        yield importlib.import_module("handler")
    finally:
        for path in (str(folder), str(LAYER)):
            sys.path.remove(path)
        for file in folder.glob("*.py"):
            sys.modules.pop(file.stem, None)


def request(method: str, path: str, body: Any = None) -> dict[str, Any]:
    return {
        "httpMethod": method, "path": path, "resource": path, "headers": {"x-correlation-id": "c0ffee00-1"},
        "multiValueHeaders": {}, "queryStringParameters": None, "isBase64Encoded": False,
        "requestContext": {"requestId": "a-request", "stage": "v1"}, "body": json.dumps(body),
    }  # fmt: skip


def placed(world: World) -> dict[str, Any]:
    """An order that intake has taken; gives its event."""
    with loaded("order-intake") as intake:
        assert intake.handler(request("POST", "/checkouts", BODY), CONTEXT)["statusCode"] == 202
    [event] = world.told(world.events)
    assert event["event"] == "order.placed"
    detail: dict[str, Any] = json.loads(event["body"])
    return detail


def notification(detail: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(detail), "MessageAttributes": {}}}]}


def reserved(world: World) -> dict[str, Any]:
    detail = placed(world)
    with loaded("order-inventory") as inventory:
        inventory.handler(notification(detail), CONTEXT)
    [event] = world.told(world.events)
    assert event["event"] == "stock.reserved"
    return detail


def die(*_: Any, **__: Any) -> None:
    raise Died


def test_an_order_whose_taker_dies_before_publishing_is_published_when_it_is_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loaded("order-intake") as intake:
        # Powertools notes who is at it until the function would be timed out: a dead one is waited for no longer.
        monkeypatch.setattr(intake.once, "register_lambda_context", lambda context: None)
        with monkeypatch.context() as patch:
            patch.setattr(intake.store, "publish", die)
            with pytest.raises(Died):
                intake.handler(request("POST", "/checkouts", BODY), CONTEXT)
        assert world.order["outbox"] == "order.placed"
        assert world.told(world.events) == []
        for item in world.guards.scan()["Items"]:
            world.guards.delete_item(Key={"id": item["id"]})
        for _ in range(3):
            assert intake.handler(request("POST", "/checkouts", BODY), CONTEXT)["statusCode"] == 202
    assert [event["event"] for event in world.told(world.events)] == ["order.placed"]
    assert "outbox" not in world.order


def test_the_same_transaction_with_another_order_gets_409_even_when_idempotency_has_forgotten(world: World) -> None:
    placed(world)
    with loaded("order-intake") as intake:
        other = request("POST", "/checkouts", BODY | {"customer": "Bob"})
        assert intake.handler(other, CONTEXT)["statusCode"] == 409
        for item in world.guards.scan()["Items"]:
            world.guards.delete_item(Key={"id": item["id"]})
        assert intake.handler(other, CONTEXT)["statusCode"] == 409
    assert world.order["customer_id"] == "Ada"


def test_a_worker_that_dies_between_reserving_and_telling_heals_with_the_next_delivery(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    detail = placed(world)
    with loaded("order-inventory") as inventory:
        with monkeypatch.context() as patch:
            patch.setattr(inventory.store, "publish", die)
            with pytest.raises(Died):
                inventory.handler(notification(detail), CONTEXT)
        assert (world.tea, world.order["status"], world.told(world.events)) == (8, "reserved", [])
        for _ in range(3):
            inventory.handler(notification(detail), CONTEXT)
    [event] = world.told(world.events)
    assert (event["event"], event["correlation_id"]) == ("stock.reserved", "c0ffee00-1")
    assert (world.tea, "outbox" in world.order) == (8, False)


def test_an_order_of_more_than_there_is_reserves_nothing_of_it(world: World) -> None:
    world.stock.put_item(Item={"id": "stock#cup", "available": 1})
    body = BODY | {"items": [*BODY["items"], {"sku": "cup", "quantity": 2, "unit_price_cents": 1}]}
    with loaded("order-intake") as intake:
        intake.handler(request("POST", "/checkouts", body), CONTEXT)
    [event] = world.told(world.events)
    with loaded("order-inventory") as inventory:
        for _ in range(2):
            inventory.handler(notification(json.loads(event["body"])), CONTEXT)
    [told] = world.told(world.events)
    assert (told["event"], json.loads(told["body"])["reason"]) == ("order.rejected", "not in stock: cup")
    assert (world.tea, world.order["status"]) == (10, "rejected")


STEP = {"transaction_id": ID, "correlation_id": "c0ffee00-1"}


def test_a_worker_that_dies_between_charging_and_noting_it_charges_once(
    world: World, provider: tuple[Provider, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved(world)
    with loaded("order-charge") as charge:
        with monkeypatch.context() as patch:
            patch.setattr(charge.store, "note_charged", die)
            with pytest.raises(Died):
                charge.handler(STEP | {"step": "charge"}, CONTEXT)
        assert world.order["payment"]["state"] == "asked"
        for _ in range(3):
            assert charge.handler(STEP | {"step": "charge"}, CONTEXT)["outcome"] == "charged"
    assert provider[0].charges == {ID: 900}
    assert [entry["status"] for entry in world.order["history"]] == ["received", "reserved", "charged"]


def test_a_declined_card_is_an_answer_and_no_failure_of_the_provider(
    world: World, provider: tuple[Provider, str]
) -> None:
    reserved(world)
    provider[0].status = 402
    with loaded("order-charge") as charge:
        for _ in range(5):
            answer = charge.handler(STEP | {"step": "charge"}, CONTEXT)
            assert answer == {"outcome": "declined", "reason": "card_declined"}
    assert world.guards.get_item(Key={"id": "breaker#payment-provider"}).get("Item", {}).get("state") != "open"


def test_after_the_set_failures_nobody_asks_until_the_cool_down_is_over_and_then_one(
    world: World, provider: tuple[Provider, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved(world)
    provider[0].status = 503
    with loaded("order-charge") as charge:
        now = charge.store._now_ms()
        monkeypatch.setattr(charge.store, "_now_ms", lambda: now)
        for error in [charge.provider.Unavailable] * 3 + [charge.ProviderNotAsked] * 3:
            with pytest.raises(error):
                charge.handler(STEP | {"step": "charge"}, CONTEXT)
        assert len(provider[0].requests) == 3
        monkeypatch.setattr(charge.store, "_now_ms", lambda: now + 60_000)
        assert charge.store.admitted() is not None  # the probe, whose worker dies
        with pytest.raises(charge.ProviderNotAsked):
            charge.handler(STEP | {"step": "charge"}, CONTEXT)
        monkeypatch.setattr(charge.store, "_now_ms", lambda: now + 60_000 + 15_000)
        provider[0].status = 201
        assert charge.handler(STEP | {"step": "charge"}, CONTEXT)["outcome"] == "charged"
    assert world.guards.get_item(Key={"id": "breaker#payment-provider"})["Item"]["state"] == "closed"


def test_a_cancelled_order_gives_its_stock_back_once_and_is_never_charged(
    world: World, provider: tuple[Provider, str]
) -> None:
    reserved(world)
    with loaded("order-settle") as settle:
        for _ in range(3):
            result = settle.handler(STEP | {"outcome": "cancelled", "reason": "card_declined"}, CONTEXT)
        assert (result["status"], result["refund_due"], world.tea) == ("cancelled", False, 10)
        with pytest.raises(settle.settlement.Impossible):
            settle.handler(STEP | {"outcome": "confirmed"}, CONTEXT)
    with loaded("order-charge") as charge:
        assert charge.handler(STEP | {"step": "charge"}, CONTEXT)["outcome"] == "over"
    assert provider[0].requests == []


def test_one_notice_for_each_event_and_letters_for_the_rest_of_the_batch(world: World) -> None:
    detail = placed(world)
    messages = batch(detail, detail, {"no": "order"})
    for record in messages["Records"]:
        record["messageAttributes"] = {"event": {"stringValue": "order.placed", "dataType": "String"}}
    with loaded("order-notice") as notice:
        for _ in range(2):
            assert notice.handler(messages, CONTEXT) == {"batchItemFailures": []}
            messages["Records"] = messages["Records"][:2]
    [told] = world.told(world.notices)
    assert ID in json.loads(told["body"])["text"]
    [letter] = world.told(world.letters)
    assert (letter["body"], letter["event"]) == ('{"no": "order"}', "order.placed")
    assert "correlation_id" in letter["reason"]
