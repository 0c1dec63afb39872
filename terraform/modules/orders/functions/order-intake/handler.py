"""Take checkouts: recorded first, published after, so that no order that was promised is lost.

A client has its 202 only once SNS took the event. Whoever got none asks again with the same transaction id, and then
just what is missing is done: Powertools gives the same answer for an hour, after it the record itself does.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import checkouts
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()
app = APIGatewayRestResolver()
once = IdempotencyConfig(event_key_jmespath="transaction_id", payload_validation_jmespath="fingerprint")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(correlation_id_of(event))
    once.register_lambda_context(context)
    return app.resolve(event, context)


@app.post("/checkouts")
def place() -> Response[str]:
    try:
        order = checkouts.parse(app.current_event.json_body)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    try:
        accepted = accept(order=order | {"correlation_id": logger.get_correlation_id()})
    except (IdempotencyValidationError, checkouts.Differs):
        return _answer(409, {"message": "There is another order with this transaction id."})
    except IdempotencyAlreadyInProgressError:
        return _answer(409, {"message": "This order is being taken just now: ask again."})
    return _answer(202, accepted)


@app.get("/checkouts/<transaction_id>")
def show(transaction_id: str) -> dict[str, Any]:
    order = store.find(transaction_id.lower()) if checkouts.is_transaction_id(transaction_id) else None
    if order is None:
        raise NotFoundError("There is no such checkout.")
    return checkouts.as_seen_by_clients(order)


@idempotent_function(data_keyword_argument="order", persistence_store=store.answers, config=once)
def accept(order: dict[str, Any]) -> dict[str, Any]:
    """Record the order unless it is, and publish it unless it was.

    Raises:
        checkouts.Differs: the record is of another order.
    """
    record = store.record(checkouts.new_record(order, datetime.now(UTC)))
    if record["fingerprint"] != order["fingerprint"]:
        raise checkouts.Differs
    if record.get("outbox") == checkouts.PLACED:
        store.publish(checkouts.PLACED, checkouts.as_event(record))
        store.mark_published(record["transaction_id"], checkouts.PLACED)
        metrics.add_metric(name="OrdersTaken", unit=MetricUnit.Count, value=1)
        logger.info("taken", transaction_id=record["transaction_id"])
    return {"transaction_id": record["transaction_id"], "status": "received"}


def _answer(status: int, body: dict[str, Any]) -> Response[str]:
    return Response(status_code=status, content_type="application/json", body=json.dumps(body))
