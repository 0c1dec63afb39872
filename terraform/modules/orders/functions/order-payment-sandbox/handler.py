"""A payment provider to test against, as real ones have: magic payment methods, and a switch that makes it fail.

| method | answer |
|---|---|
| tok_declined | 402 card_declined |
| tok_unavailable | 503 |
| any other | 201, one charge for each Idempotency-Key |

The item `mode` of its table: {"mode": "fail"} answers 503 to everything, {"mode": "slow"} later than anybody waits.
"""

from __future__ import annotations

import json
import time
from typing import Any

import sandbox
import store
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

SLOW_SECONDS = 5

logger = Logger()
app = LambdaFunctionUrlResolver()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(correlation_id_of(event))
    return app.resolve(event, context)


@app.post("/charges")
def charge() -> Response[str]:
    wanted = app.current_event.json_body
    mode = store.count_request()
    if mode == "slow":
        time.sleep(SLOW_SECONDS)
    if mode == "fail" or wanted["method"] == sandbox.UNAVAILABLE:
        return _answer(503, {"error": "unavailable"})
    if wanted["method"] == sandbox.DECLINED:
        return _answer(402, {"error": "card_declined"})
    charge_id = store.charge(app.current_event.headers["idempotency-key"], int(wanted["amount_cents"]))
    return _answer(201, {"charge_id": charge_id}) if charge_id else _answer(402, {"error": "voided"})


@app.post("/refunds")
def refund() -> Response[str]:
    wanted = app.current_event.json_body
    if store.count_request() == "fail":
        return _answer(503, {"error": "unavailable"})
    return _answer(200, {"status": "refunded" if store.refund(wanted["reference"]) else "nothing_to_refund"})


def _answer(status: int, body: dict[str, Any]) -> Response[str]:
    return Response(status_code=status, content_type="application/json", body=json.dumps(body))
