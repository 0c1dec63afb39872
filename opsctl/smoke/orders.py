"""The order path as a smoke test sees it: edge, firewall, authorizer, VPC link, load balancer, service, MySQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.edge import Answer

SAMPLE = {
    "customer": "Ada O'Neill",  # an apostrophe: what a firewall may take for SQL, and a database must quote
    "items": [
        {"sku": "print-20x30", "quantity": 2, "unit_price_cents": 1250},
        {"sku": "frame-oak", "quantity": 1, "unit_price_cents": 3900},
    ],
}
SAMPLE_TOTAL_CENTS = 2 * 1250 + 3900


def order_path(trial: Trial) -> Mapping[str, Any]:
    """Everything that may be done to an order, and that sent again by the same key it is not placed twice."""
    key = {"Idempotency-Key": f"smoke-{trial.id}"}
    placed = place(trial, headers=key)
    order_id = placed["order_id"]
    trial.afterwards(f"order {order_id}", partial(remove, trial, order_id))
    total = placed.get("total_cents")
    expect(total == SAMPLE_TOTAL_CENTS, f"the order's total is {total}, not {SAMPLE_TOTAL_CENTS}")
    seconds_to_place = trial.seconds
    again = send(trial, "POST", "/v1/orders", SAMPLE, headers=key)
    expect(again.status == 200 and document(again).get("order_id") == order_id, f"the same order again: {again}")
    seen = read(trial, order_id)
    expect(seen.get("customer") == SAMPLE["customer"], f"the order was read back as {seen}")
    changed = send(trial, "PUT", f"/v1/orders/{order_id}", {**SAMPLE, "status": "cancelled"})
    expect(changed.status == 200 and document(changed).get("status") == "cancelled", str(changed))
    deleted = trial.request("DELETE", f"/v1/orders/{order_id}")
    expect(deleted.status == 204, str(deleted))
    gone = trial.get(f"/v1/orders/{order_id}")
    expect(gone.status == 404, f"a deleted order: {gone}")
    return {"order_id": order_id, "seconds_to_place": round(seconds_to_place, 3)}


def place(trial: Trial, order: Mapping[str, Any] = SAMPLE, **how: Any) -> dict[str, Any]:
    """Place an order; gives it as the service answered. Removing it is the caller's."""
    answer = send(trial, "POST", "/v1/orders", order, **how)
    expect(answer.status == 201, str(answer))
    placed = document(answer)
    order_id = placed.get("order_id")
    expect(isinstance(order_id, str) and order_id, f"no order_id: {answer}")
    return placed


def remove(trial: Trial, order_id: str) -> None:
    """Delete an order. None there is fine."""
    answer = trial.request("DELETE", f"/v1/orders/{order_id}")
    expect(answer.status in (204, 404), str(answer))


def read(trial: Trial, order_id: str) -> dict[str, Any]:
    """The order as it is now."""
    answer = trial.get(f"/v1/orders/{order_id}")
    expect(answer.status == 200, str(answer))
    return document(answer)


def send(trial: Trial, method: str, path: str, body: Mapping[str, Any], **how: Any) -> Answer:
    """A request with a JSON body; the rest as `Trial.request`."""
    return trial.request(method, path, body=json.dumps(body).encode(), content_type="application/json", **how)


def document(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object."""
    shown = answer.json()
    if not isinstance(shown, dict):
        raise CheckFailed(f"no JSON object: {answer}")
    return shown
