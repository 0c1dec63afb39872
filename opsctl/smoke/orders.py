"""The order path as a smoke test sees it: edge, firewall, authorizer, VPC link, load balancer, service, MySQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def place(trial: Trial, order: Mapping[str, Any] = SAMPLE) -> dict[str, Any]:
    """Place an order; gives it as the service answered. Removing it is the caller's."""
    answer = send(trial, "POST", "/v1/orders", order)
    expect(answer.status == 201, str(answer))
    placed = document(answer)
    order_id = placed.get("order_id")
    expect(isinstance(order_id, str) and order_id, f"no order_id: {answer}")
    return placed


def remove(trial: Trial, order_id: str) -> None:
    """Delete an order. None there is fine."""
    trial.request("DELETE", f"/v1/orders/{order_id}")


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
