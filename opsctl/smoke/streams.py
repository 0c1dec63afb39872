"""The order stream and the bus as a smoke test sees them: an order's changes and an event of its own, taken back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from opsctl.smoke.check import Trial, expect

STATES = ("received", "reserved", "cancelled")  # none that a warehouse would act on
LONG_AGO = "2000-01-01T00:00"  # a minute whose totals are nobody else's
CENTS = 1250
MAILBOX = "success@simulator.amazonses.com"  # SES's own, which takes everything


def stream_path(trial: Trial) -> Mapping[str, Any]:
    """Put three changes of one order into the stream, twice, and see what both consumers made of them."""
    transaction_id, customer = f"smoke-{trial.id}", f"smoke-{trial.id}"
    trial.afterwards("the audit's entries", partial(_forget_entries, trial, transaction_id))
    totals = [f"customer#{customer}", f"minute#{LONG_AGO}", *(f"seen#{transaction_id}#{state}" for state in STATES)]
    trial.afterwards("the totals", partial(_forget_totals, trial, totals))
    for _ in range(2):
        put_changes(trial, [change(transaction_id, customer, state, at) for at, state in enumerate(STATES, 1)])
    begun = trial.seconds
    trial.until("the order's last change in the audit", lambda: len(entries(trial, transaction_id)) == len(STATES))
    trial.until("the order's last change in the totals", lambda: f"{STATES[-1]}_cents" in total(trial, totals[0]))
    told = [entry["status"]["S"] for entry in entries(trial, transaction_id)]
    expect(told == list(STATES), f"the audit has {', '.join(told)}")
    counted = {state: total(trial, totals[0])[state]["N"] for state in STATES}
    expect(set(counted.values()) == {"1"}, f"changes were put twice and counted as {counted}")
    return {"seconds_from_put_to_both": round(trial.seconds - begun, 3)}


def bus_path(trial: Trial) -> Mapping[str, Any]:
    """Put one event on the bus, and find it with each of its consumers."""
    detail = confirmed_order(trial)
    answer = trial.aws.call(
        "events", "put_events",
        Entries=[{"EventBusName": trial.target.output("events.bus.name"), "Source": "orders",
                  "DetailType": "order.confirmed", "Detail": json.dumps(detail)}],
    )  # fmt: skip
    expect(answer["FailedEntryCount"] == 0, f"the bus refused the event: {answer['Entries']}")
    begun = trial.seconds
    trial.until("the event in the audit's queue", lambda: _take(trial, detail["transaction_id"]))
    log, mail = trial.target.output("events.log_group"), trial.target.output("events.functions.order-mail.log_group")
    trial.until("the event in the log", lambda: _logged(trial, log, detail["correlation_id"]))
    trial.until("the letter", lambda: _logged(trial, mail, detail["correlation_id"], "message_id"))
    return {"seconds_from_put_to_all": round(trial.seconds - begun, 3)}


def confirmed_order(trial: Trial, *, transaction_id: str = "", email: str = MAILBOX) -> dict[str, Any]:
    """The detail of an `order.confirmed`."""
    return {
        "correlation_id": f"smoke-{trial.id}",
        "transaction_id": transaction_id or f"smoke-{trial.id}",
        "customer_id": f"smoke-{trial.id}",
        "email": email,
        "items": [{"sku": "tea", "quantity": 2, "unit_cents": CENTS // 2}],
        "total_cents": CENTS,
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def change(transaction_id: str, customer: str, state: str, sequence: int) -> dict[str, Any]:
    """An `order.changed`, the `sequence`th of its order."""
    return {
        "correlation_id": transaction_id,
        "event_id": f"{transaction_id}-{sequence}",
        "sequence": str(sequence),
        "transaction_id": transaction_id,
        "customer_id": customer,
        "status": state,
        "total_cents": CENTS,
        "at": f"{LONG_AGO}:00Z",
    }


def put_changes(trial: Trial, changes: list[dict[str, Any]]) -> None:
    """Put changes into the order stream, by their order; at most 500."""
    answer = trial.aws.call(
        "kinesis", "put_records", StreamName=trial.target.output("streams.streams.orders.name"),
        Records=[{"Data": json.dumps(one).encode(), "PartitionKey": one["transaction_id"]} for one in changes],
    )  # fmt: skip
    expect(answer["FailedRecordCount"] == 0, f"the stream refused {answer['FailedRecordCount']} records")


def entries(trial: Trial, transaction_id: str) -> list[dict[str, Any]]:
    """The audit's entries of an order, in order."""
    found: list[dict[str, Any]] = trial.aws.call(
        "dynamodb", "query", TableName=_table(trial, "order-audit"), ConsistentRead=True,
        KeyConditionExpression="transaction_id = :id", ExpressionAttributeValues={":id": {"S": transaction_id}},
    )["Items"]  # fmt: skip
    return found


def total(trial: Trial, key: str) -> dict[str, Any]:
    """One of the totals, such as customer#ada; empty when nothing was counted."""
    found: dict[str, Any] = trial.aws.call(
        "dynamodb", "get_item", TableName=_table(trial, "order-totals"), Key={"total": {"S": key}}, ConsistentRead=True
    ).get("Item", {})
    return found


def _table(trial: Trial, name: str) -> str:
    return str(trial.target.output(f"streams.tables.{name}.name"))


def _forget_entries(trial: Trial, transaction_id: str) -> None:
    for entry in entries(trial, transaction_id):
        key = {name: entry[name] for name in ("transaction_id", "sequence")}
        trial.aws.call("dynamodb", "delete_item", TableName=_table(trial, "order-audit"), Key=key)


def _forget_totals(trial: Trial, keys: list[str]) -> None:
    for key in keys:
        trial.aws.call("dynamodb", "delete_item", TableName=_table(trial, "order-totals"), Key={"total": {"S": key}})


def _take(trial: Trial, transaction_id: str) -> bool:
    """Take the event with this order out of the audit's queue. Others are held meanwhile, and let go in the end."""
    url = trial.target.output("events.audit_queue.url")
    while trial.seconds_left > 0:
        answer = trial.aws.call(
            "sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=60
        )
        found = False
        for message in answer.get("Messages", []):
            about = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
            if json.loads(message["Body"])["detail"].get("transaction_id") == transaction_id:
                trial.aws.call("sqs", "delete_message", **about)
                found = True
                continue
            let_go = partial(trial.aws.call, "sqs", "change_message_visibility", **about, VisibilityTimeout=0)
            trial.afterwards("another's event", let_go)
        if found or not answer.get("Messages"):
            return found
    return False


def _logged(trial: Trial, group: str, *words: str) -> bool:
    """Whether a line of a log group has all these words."""
    pattern = " ".join(f'"{word}"' for word in words)
    lines = trial.aws.pages("logs", "filter_log_events", "events[]", logGroupName=group, filterPattern=pattern)
    return any(True for _ in lines)
