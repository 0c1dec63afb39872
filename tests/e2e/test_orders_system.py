"""Orders as customers, the payment provider and people on call see them: seeds' row S7, proved by its effects."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import pytest

from opsctl.aws import Aws
from opsctl.queues import find_store, read_letters
from opsctl.queues.survey import Hold
from opsctl.smoke import SmokeTarget, checkouts
from opsctl.smoke.check import Trial, open_trial
from tests.e2e.project import Project, wait_for

COOL_DOWN_SECONDS = 3
"""Locally; and it opens after 5 failures (terraform/environments/local.tfvars)."""


class Unpayable(NamedTuple):
    """An order for which the provider has no answer, placed when the tests begin: its saga tries for half a minute."""

    shelf: checkouts.Shelf
    transaction_id: str


class Orders:
    """What the tests look at beside the API."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.aws, self.target = trial, trial.aws, trial.target

    def item(self, table: str, key: str, **name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.call(
            "dynamodb", "get_item", TableName=self.target.output(f"orders.tables.{table}.name"), ConsistentRead=True,
            Key={name.get("hash_key", "id"): {"S": key}},
        ).get("Item", {})  # fmt: skip
        return found

    def charges(self, transaction_id: str) -> str:
        """charged, refunded, or nothing when no money was taken."""
        return str(self.item("sandbox", f"charge#{transaction_id}").get("state", {}).get("S", ""))

    @property
    def requests(self) -> int:
        """How often the payment provider was asked so far."""
        return int(self.item("sandbox", "mode").get("requests", {}).get("N", 0))

    @property
    def breaker(self) -> str:
        return str(self.item("guards", "breaker#payment-provider").get("state", {}).get("S", "closed"))

    def ask_provider(self) -> str:
        """Ask for a refund of nothing, as the saga asks; gives the error's name."""
        answer = self.aws.call(
            "lambda", "invoke", FunctionName=self.target.output("functions.order-charge.arn"),
            Payload=json.dumps({"step": "refund", "transaction_id": "nobody-s", "correlation_id": "e2e-breaker"}),
        )  # fmt: skip
        return str(json.loads(answer["Payload"].read()).get("errorType", ""))

    def set_mode(self, mode: str) -> None:
        """Have the sandbox fail or answer late; empty: work."""
        self.aws.call(
            "dynamodb", "update_item", TableName=self.target.output("orders.tables.sandbox.name"),
            Key={"id": {"S": "mode"}}, UpdateExpression="SET #mode = :mode",
            ExpressionAttributeNames={"#mode": "mode"}, ExpressionAttributeValues={":mode": {"S": mode}},
        )  # fmt: skip

    def executions(self, transaction_id: str) -> list[str]:
        """States of the order's sagas."""
        saga = self.target.output("orders.state_machines.order-saga.arn")
        return [
            execution["status"]
            for execution in self.aws.pages("stepfunctions", "list_executions", "executions[]", stateMachineArn=saga)
            if execution["name"].startswith(transaction_id)
        ]

    def message(self, transaction_id: str) -> dict[str, Any]:
        """The order as events tell of it."""
        record = self.item("orders", transaction_id, hash_key="transaction_id")
        return {
            "correlation_id": record["correlation_id"]["S"],
            "transaction_id": transaction_id,
            "customer_id": record["customer_id"]["S"],
            "email": record["email"]["S"],
            "items": [
                {
                    "sku": item["M"]["sku"]["S"],
                    "quantity": int(item["M"]["quantity"]["N"]),
                    "unit_cents": int(item["M"]["unit_cents"]["N"]),
                }
                for item in record["items"]["L"]
            ],
            "total_cents": int(record["total_cents"]["N"]),
            "at": record["updated_at"]["S"],
        }

    def publish(self, event: str, message: dict[str, Any]) -> None:
        self.aws.call(
            "sns", "publish", TopicArn=self.target.output("orders.topics.order-events.arn"),
            Message=json.dumps(message),
            MessageAttributes={
                "event": {"DataType": "String", "StringValue": event},
                "correlation_id": {"DataType": "String", "StringValue": message.get("correlation_id", "nobody-knows")},
            },
        )  # fmt: skip

    def end_of(self, *transaction_ids: str) -> list[str]:
        """How each of them ended."""
        return [checkouts.end_of(self.trial, one, within_seconds=60)["status"] for one in transaction_ids]


@pytest.fixture
def orders(trial: Trial) -> Orders:
    return Orders(trial)


@pytest.fixture(scope="module", autouse=True)
def unpayable(target: SmokeTarget) -> Iterator[Unpayable]:
    with open_trial(target, budget_seconds=600) as trial:
        shelf = checkouts.Shelf.fill(trial, 1)
        yield Unpayable(shelf, checkouts.place(trial, checkouts.order(shelf, method="tok_unavailable")))


@pytest.fixture
def bus(trial: Trial) -> Iterator[str]:
    """A queue that hears how orders end. Gives its URL."""
    aws, name = trial.aws, f"opsctl-local-listener-{trial.id}"
    url = aws.call("sqs", "create_queue", QueueName=name)["QueueUrl"]
    arn = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    place = {"EventBusName": trial.target.output("events.bus.name")}
    aws.call("events", "put_rule", Name=name, EventPattern=json.dumps({"source": ["orders"]}), **place)
    aws.call("events", "put_targets", Rule=name, Targets=[{"Id": "listener", "Arn": arn}], **place)
    yield url
    aws.call("events", "remove_targets", Rule=name, Ids=["listener"], **place)
    aws.call("events", "delete_rule", Name=name, **place)
    aws.call("sqs", "delete_queue", QueueUrl=url)


def heard(aws: Aws, url: str, count: int) -> list[dict[str, Any]]:
    """Events that a listener got; no more than `count`, which must come."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        for message in aws.call(
            "sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages", []):  # fmt: skip
            found.append(json.loads(message["Body"]))
            aws.call("sqs", "delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= count

    wait_for(enough, seconds=20, what=f"{count} events; there were {found}")
    return found


def test_the_same_order_three_times_and_every_event_twice_reserves_once_and_charges_once(
    trial: Trial, orders: Orders
) -> None:
    shelf = checkouts.Shelf.fill(trial, 10)
    wanted = checkouts.order(shelf, quantity=2)
    with ThreadPoolExecutor(3) as clients:
        answers = list(clients.map(lambda _: checkouts.send(trial, wanted), range(3)))
    # At the same time one of them may be told to ask again; asked again, each has its 202.
    assert {answer.status for answer in answers} <= {202, 409}
    transaction_id = checkouts.place(trial, wanted)
    assert orders.end_of(transaction_id) == ["confirmed"]
    message = orders.message(transaction_id)
    for event in ("order.placed", "stock.reserved") * 2:
        orders.publish(event, message)
    for _ in range(2):
        trial.aws.call(
            "sqs", "send_message", QueueUrl=trial.target.output("queues.order-payments.url"),
            MessageBody=json.dumps(message),
        )  # fmt: skip
    after = checkouts.place(trial, checkouts.order(shelf))  # whoever worked this one off, worked off those before it
    assert orders.end_of(after) == ["confirmed"]
    shown = checkouts.read(trial, transaction_id)
    assert [entry["status"] for entry in shown["history"]] == ["received", "reserved", "charged", "confirmed"]
    assert shelf.available == 10 - 2 - 1
    assert orders.charges(transaction_id) == "charged"
    assert orders.executions(transaction_id) == ["SUCCEEDED"]


def test_another_order_with_a_known_transaction_id_and_one_that_can_not_be_are_refused(trial: Trial) -> None:
    shelf = checkouts.Shelf.fill(trial, 2)
    wanted = checkouts.order(shelf)
    checkouts.place(trial, wanted)
    assert checkouts.send(trial, wanted | {"customer": "Bob"}).status == 409
    for bad in ({"items": []}, {"transaction_id": "7"}, {"email": "nobody"}, {"payment": {}}):
        assert checkouts.send(trial, checkouts.order(shelf) | bad).status == 400, bad
    assert trial.get(f"/v1/checkouts/{uuid.uuid4()}").status == 404


def test_a_failing_payment_releases_the_stock_and_the_bus_hears_how_orders_end(
    trial: Trial, orders: Orders, bus: str
) -> None:
    shelf = checkouts.Shelf.fill(trial, 5)
    correlation_id = f"e2e-{trial.id}"
    declined = checkouts.place(
        trial, checkouts.order(shelf, quantity=3, method=checkouts.DECLINED), correlation_id=correlation_id
    )
    paid = checkouts.place(trial, checkouts.order(shelf, quantity=2), correlation_id=correlation_id)
    assert orders.end_of(declined, paid) == ["cancelled", "confirmed"]
    assert shelf.available == 3
    assert (orders.charges(declined), orders.charges(paid)) == ("", "charged")
    told = {event["detail"]["transaction_id"]: event for event in heard(trial.aws, bus, 2)}
    assert {one: event["detail-type"] for one, event in told.items()} == {
        declined: "order.cancelled", paid: "order.confirmed",
    }  # fmt: skip
    assert told[declined]["detail"]["reason"] == "card_declined"
    assert {event["detail"]["correlation_id"] for event in told.values()} == {correlation_id}
    for function in ("order-intake", "order-inventory", "order-payment", "order-charge", "order-settle"):
        group = trial.target.output(f"functions.{function}.log_group")
        wait_for(
            lambda group=group: trial.aws.call(
                "logs", "filter_log_events", logGroupName=group, filterPattern=f'"{correlation_id}"'
            )["events"],
            seconds=10, what=f"the correlation id in the log of {function}",
        )  # fmt: skip


def test_what_is_no_order_is_set_aside_with_reason_and_original_and_the_rest_goes_on(
    stack: Project, trial: Trial, orders: Orders, target: SmokeTarget
) -> None:
    shelf = checkouts.Shelf.fill(trial, 5)
    marker = uuid.uuid4().hex
    large = json.dumps({"padding": marker + "x" * 100_000})
    broken = f"{{ {marker}"
    queue = target.output("queues.order-payments")
    for body in (broken, large):
        trial.aws.call(
            "sqs", "send_message", QueueUrl=queue["url"], MessageBody=body,
            MessageAttributes={"event": {"DataType": "String", "StringValue": "stock.reserved"}},
        )  # fmt: skip
    orders.publish("order.placed", {"padding": marker})
    good = checkouts.place(trial, checkouts.order(shelf))
    assert orders.end_of(good) == ["confirmed"]

    def ours(name: str) -> list[dict[str, Any]]:
        return [letter for letter in stack.json("queues", "show", "local", name) if marker in letter["body"]]

    letters = wait_for(lambda: len(found := ours("order-payments")) == 2 and found, seconds=15, what="both letters")
    assert {letter["body"] for letter in letters} == {broken, large}
    assert all(letter["attributes"]["event"]["StringValue"] == "stock.reserved" for letter in letters)
    assert all(letter["reason"] and "failed too often" not in letter["reason"] for letter in letters)
    [record] = wait_for(lambda: ours("order-inventory"), seconds=20, what="the failure record of order-inventory")
    assert marker in json.dumps(json.loads(record["body"])["requestPayload"])
    assert "correlation_id" in record["reason"]

    # Put back it fails again, and is a letter again: nothing is lost, and redrive ends.
    again = stack.json("queues", "redrive", "local", "order-payments", "--yes", "--only", letters[0]["id"])
    assert [letter["id"] for letter in again["moved"]] == [letters[0]["id"]]
    [back] = wait_for(
        lambda: [letter for letter in ours("order-payments") if letter["redriven"] == 1], seconds=15,
        what="the letter that failed again",
    )  # fmt: skip
    assert back["body"] == letters[0]["body"]
    for name in ("order-payments", "order-notices", "order-inventory"):
        _burn(trial.aws, target, name, marker)


def test_redrive_loses_nothing_though_it_is_killed(
    stack: Project, trial: Trial, orders: Orders, target: SmokeTarget
) -> None:
    """Twelve orders whose messages met a worker that died five times, and a redrive that died, too."""
    shelf, queue = checkouts.Shelf.fill(trial, 12), target.output("queues.order-payments")
    [mapping] = trial.aws.call("lambda", "list_event_source_mappings", EventSourceArn=queue["arn"])[
        "EventSourceMappings"
    ]
    switch = partial(trial.aws.call, "lambda", "update_event_source_mapping", UUID=mapping["UUID"])
    take_and_die = partial(
        trial.aws.call, "sqs", "receive_message", QueueUrl=queue["url"], MaxNumberOfMessages=10, VisibilityTimeout=0,
        WaitTimeSeconds=0,
    )  # fmt: skip
    switch(Enabled=False)
    try:
        with ThreadPoolExecutor(4) as clients:
            placed = list(clients.map(lambda _: checkouts.place(trial, checkouts.order(shelf)), range(12)))
        for one in placed:
            trial.until("reserved stock", lambda one=one: checkouts.read(trial, one)["status"] == "reserved")
        payments = find_store("local", target.outputs, "order-payments")

        def given_up() -> bool:
            take_and_die()
            letters = read_letters(trial.aws, payments, limit=1000)
            return {one for one in placed for letter in letters if one in letter.body} == set(placed)

        wait_for(given_up, seconds=30, what="twelve letters")
    finally:
        switch(Enabled=True)
    would = stack.json("queues", "redrive", "local", "order-payments", "--dry-run")
    assert len(would["moved"]) >= 12
    assert not any(orders.executions(one) for one in placed)

    killed = stack.start("queues", "redrive", "local", "order-payments", "--yes")
    wait_for(lambda: any(orders.executions(one) for one in placed), seconds=20, what="the first letter put back")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()

    # What the killed one had in its hands can be seen again once its hold is over; the rest goes at once.
    def all_confirmed() -> bool:
        stack.json("queues", "redrive", "local", "order-payments", "--yes")
        return all(checkouts.read(trial, one)["status"] == "confirmed" for one in placed)

    wait_for(all_confirmed, seconds=90, what="twelve confirmed orders")
    assert shelf.available == 0
    assert {orders.charges(one) for one in placed} == {"charged"}


def test_a_queue_of_nobody_and_a_letter_of_nobody_are_refused(stack: Project) -> None:
    assert "has no queue" in stack.opsctl("queues", "redrive", "local", "somebody-elses", "--yes", status=2).stderr
    missing = stack.json("queues", "redrive", "local", "order-notices", "--yes", "--only", "no-such-letter", status=1)
    assert missing["missing"] == ["no-such-letter"]
    assert "terminal" in stack.opsctl("queues", "redrive", "local", "order-notices", status=5).stderr


def test_the_breaker_opens_after_the_set_failures_lets_one_probe_through_after_its_cool_down_and_closes(
    unpayable: Unpayable, trial: Trial, orders: Orders
) -> None:
    checkouts.end_of(trial, unpayable.transaction_id, within_seconds=60)
    wait_for(lambda: orders.charges(unpayable.transaction_id) == "refunded", seconds=20, what="the provider left alone")
    wait_for(lambda: orders.breaker == "closed", what="a closed breaker")
    shelf, before = checkouts.Shelf.fill(trial, 1), orders.requests
    orders.set_mode("fail")
    try:
        assert [orders.ask_provider() for _ in range(7)] == ["Unavailable"] * 5 + ["ProviderNotAsked"] * 2
        assert (orders.requests - before, orders.breaker) == (5, "open")
        placed = checkouts.place(trial, checkouts.order(shelf))  # its saga waits and tries again
        wait_for(lambda: orders.requests - before >= 6, seconds=20, what="the probe")
        begun, asked = time.monotonic(), orders.requests
        with ThreadPoolExecutor(8) as clients:
            list(clients.map(lambda _: orders.ask_provider(), range(16)))
        # One probe for each cool-down that passed meanwhile, and no more, though all ask.
        assert orders.requests - asked <= 1 + (time.monotonic() - begun) / COOL_DOWN_SECONDS
    finally:
        orders.set_mode("")
    assert orders.end_of(placed) == ["confirmed"]
    assert (shelf.available, orders.charges(placed), orders.breaker) == (0, "charged", "closed")


def test_killed_workers_heal_no_order_is_lost_or_paid_twice(stack: Project, trial: Trial, orders: Orders) -> None:
    shelf = checkouts.Shelf.fill(trial, 20)
    kinds = [f"opsctl-local-{kind}" for kind in ("order-inventory", "order-charge", "order-settle")]

    def workers() -> list[int]:
        return [pid for pid, words in stack.processes().items() if any(kind in words for kind in kinds)]

    def place(body: dict[str, Any]) -> str:
        """A client that gets no 202 asks again with the same transaction id."""
        wait_for(lambda: checkouts.send(trial, body).status == 202, what="a 202")
        return str(body["transaction_id"])

    with ThreadPoolExecutor(4) as clients:
        tasks = [clients.submit(place, checkouts.order(shelf)) for _ in range(12)]
        for number in range(4):
            victim = wait_for(workers, seconds=20, what=f"a worker to kill, the {number + 1}.")[0]
            os.kill(victim, signal.SIGKILL)
        placed = [task.result() for task in tasks]

    def all_confirmed() -> bool:
        stack.json("queues", "redrive", "local", "order-inventory", "--yes")
        return all(checkouts.read(trial, one)["status"] == "confirmed" for one in placed)

    wait_for(all_confirmed, seconds=60, what="12 confirmed orders")
    assert shelf.available == 20 - 12
    assert {orders.charges(one) for one in placed} == {"charged"}


def test_without_an_answer_from_the_provider_the_stock_goes_back_and_the_money_too(
    unpayable: Unpayable, trial: Trial, orders: Orders
) -> None:
    shown = checkouts.end_of(trial, unpayable.transaction_id, within_seconds=60)
    assert (shown["status"], shown["reason"]) == ("cancelled", "the payment provider did not answer")
    assert unpayable.shelf.available == 1
    wait_for(lambda: orders.charges(unpayable.transaction_id) == "refunded", seconds=20, what="the refund")


def _burn(aws: Aws, target: SmokeTarget, name: str, marker: str) -> None:
    """Remove letters of ours."""
    hold = Hold(aws, find_store("local", target.outputs, name))
    for held in hold:
        if marker in held.letter.body:
            hold.delete(held)
    hold.close()
