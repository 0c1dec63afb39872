"""The order stream and the bus as a smoke test sees them: an order's changes and an event of its own, taken back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from opsctl.aws import AwsError
from opsctl.smoke import photos
from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.logs import lines

STATES = ("received", "reserved", "cancelled")  # none that a warehouse would act on
LONG_AGO = "2000-01-01T00:00"  # a minute whose totals are nobody else's
NEVER = f"{LONG_AGO}:00.000+00:00"
SHIPPED = "confirmed"
PASSED_ON_SECONDS = 10.0
CENTS = 1250
MAILBOX = "success@simulator.amazonses.com"  # SES's own, which takes everything


def stream_path(trial: Trial) -> Mapping[str, Any]:
    """Put changes of one order into the stream twice, then its last, and see what both consumers made of them."""
    transaction_id, customer = f"smoke-{trial.id}", f"smoke-{trial.id}"
    trial.afterwards("the audit's entries", partial(_forget_entries, trial, transaction_id))
    totals = [f"customer#{customer}", f"minute#{LONG_AGO}", *(f"seen#{transaction_id}#{state}" for state in STATES)]
    trial.afterwards("the totals", partial(_forget_totals, trial, totals))
    changes = [change(transaction_id, customer, state, at) for at, state in enumerate(STATES, 1)]
    for part in (changes[:-1], changes):  # the last alone comes once: when it is there, nothing is under way
        put_changes(trial, part)
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
    queue = trial.target.output("events.audit_queue.url")
    trial.until("the event in the audit's queue", lambda: take(trial, queue, detail["transaction_id"]))
    log, mail = trial.target.output("events.log_group"), trial.target.output("events.functions.order-mail.log_group")
    trial.until("the event in the log", lambda: logged(trial, log, detail["correlation_id"]))
    trial.until("the letter", lambda: logged(trial, mail, detail["correlation_id"], "message_id"))
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


def history(trial: Trial, customer: str, transaction_id: str) -> dict[str, Any] | None:
    """An order's item in its customer's history; None when there is none."""
    found: dict[str, Any] | None = trial.aws.call(
        "dynamodb", "get_item", TableName=_table(trial, "order-history"), ConsistentRead=True,
        Key=_history_key(customer, transaction_id),
    ).get("Item")  # fmt: skip
    return found


def counted(trial: Trial, transaction_id: str, states: Sequence[str]) -> list[str]:
    """Which of these states of an order the totals have counted."""
    return [state for state in states if total(trial, f"seen#{transaction_id}#{state}")]


def forget_order(trial: Trial, order: Mapping[str, Any], *, orders_table: str) -> None:
    """Take an order at rest out of all that the stream's consumers keep: history, audit, totals, shipments.

    It is written once more, at a time that was never: once that has come through, nothing of it is under way.

    Args:
        order: its DynamoDB item.
    """
    transaction_id, status = order["transaction_id"]["S"], order["status"]["S"]
    customer, cents = order["customer_id"]["S"], int(order["total_cents"]["N"])
    states = {entry["M"]["status"]["S"]: entry["M"]["at"]["S"] for entry in order["history"]["L"]}
    trial.aws.call(
        "dynamodb", "update_item", TableName=orders_table, Key={"transaction_id": order["transaction_id"]},
        UpdateExpression="SET updated_at = :at", ExpressionAttributeValues={":at": {"S": NEVER}},
    )  # fmt: skip

    def passed_on() -> bool:
        kept = history(trial, customer, transaction_id)
        return (
            kept is not None
            and kept["updated_at"]["S"] == NEVER
            and any(entry["at"]["S"] == NEVER for entry in entries(trial, transaction_id))
            and len(counted(trial, transaction_id, list(states))) == len(states)
        )

    with contextlib.suppress(CheckFailed):
        trial.until("the order's last change", passed_on, within_seconds=PASSED_ON_SECONDS)
    _forget_entries(trial, transaction_id)
    trial.aws.call(
        "dynamodb", "delete_item", TableName=_table(trial, "order-history"), Key=_history_key(customer, transaction_id)
    )
    for state, at in states.items():
        if counted(trial, transaction_id, [state]):
            _discount(trial, f"minute#{at[:16]}", {state: 1, f"{state}_cents": cents})
    _forget_totals(trial, [f"customer#{customer}", *(f"seen#{transaction_id}#{state}" for state in states)])
    if status == SHIPPED:
        shipments = trial.target.output("streams.shipments.url")
        # It was shipped once more, when it was written once more.
        for url, messages in ((trial.target.output("events.audit_queue.url"), 1), (shipments, 2)):
            _take_all(trial, url, transaction_id, messages)


def take(trial: Trial, url: str, transaction_id: str) -> int:
    """Take messages about this order out of a queue; gives how many. Others are held meanwhile, then let go."""
    held: list[str] = []
    trial.afterwards("events of others", lambda: photos.let_go(trial.aws, url, held))
    while trial.seconds_left > 0:
        answer = trial.aws.call(
            "sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=60
        )
        found = 0
        for message in answer.get("Messages", []):
            about = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
            body = json.loads(message["Body"])
            if body.get("detail", body).get("transaction_id") == transaction_id:
                trial.aws.call("sqs", "delete_message", **about)
                found += 1
                continue
            held.append(message["ReceiptHandle"])
        if found or not answer.get("Messages"):
            return found
    return 0


def logged(trial: Trial, group: str, *words: str) -> bool:
    """Whether a line of a log group has all these words."""
    return any(True for _ in lines(trial, group, *words))


def _take_all(trial: Trial, url: str, transaction_id: str, messages: int) -> None:
    taken = 0

    def enough() -> bool:
        nonlocal taken
        taken += take(trial, url, transaction_id)
        return taken >= messages

    with contextlib.suppress(CheckFailed):
        trial.until("its messages", enough, within_seconds=PASSED_ON_SECONDS)


def _history_key(customer: str, transaction_id: str) -> dict[str, Any]:
    return {"customer_id": {"S": customer}, "transaction_id": {"S": transaction_id}}


def _discount(trial: Trial, key: str, amounts: Mapping[str, int]) -> None:
    """Take amounts off a total; one in which nothing is left goes."""
    table, names = _table(trial, "order-totals"), {f"#{at}": name for at, name in enumerate(amounts)}
    which: dict[str, Any] = {"TableName": table, "Key": {"total": {"S": key}}}
    left = trial.aws.call(
        "dynamodb", "update_item", **which, ReturnValues="ALL_NEW", ExpressionAttributeNames=names,
        UpdateExpression="ADD " + ", ".join(f"#{at} :{at}" for at in range(len(amounts))),
        ExpressionAttributeValues={f":{at}": {"N": str(-amount)} for at, amount in enumerate(amounts.values())},
    )["Attributes"]  # fmt: skip
    counts = [name for name, value in left.items() if "N" in value]
    if any(int(left[name]["N"]) for name in counts):
        return
    with contextlib.suppress(AwsError):  # somebody counted meanwhile
        trial.aws.call(
            "dynamodb", "delete_item", **which,
            ConditionExpression=" AND ".join(f"#{at} = :none" for at in range(len(counts))),
            ExpressionAttributeNames={f"#{at}": name for at, name in enumerate(counts)},
            ExpressionAttributeValues={":none": {"N": "0"}},
        )  # fmt: skip
