"""Two steps of the saga: charge an order, and give the money back.

Which orders were asked for, the order's record says before the provider is asked: a worker that dies leaves behind that
money may have been taken. The provider takes the transaction id as its idempotency key, so asking again charges once.

Definite answers (charged, declined) are results; what is worth another try is raised, and the saga retries it.
"""

from __future__ import annotations

from typing import Any

import provider
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from breaker import State
from correlation import correlation_id_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()


class ProviderNotAsked(Exception):
    """The breaker is open: the provider has failed too often."""


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(correlation_id_of(event))
    return STEPS[event["step"]](event["transaction_id"], event["correlation_id"])


def charge(transaction_id: str, correlation_id: str) -> dict[str, Any]:
    """Take the order's money, once.

    Gives {"outcome": "charged" | "declined" | "over", "reason"}; over: the order is not waiting for its payment.

    Raises:
        ProviderNotAsked, provider.Unavailable: try again later.
    """
    order = store.find(transaction_id)
    if order["status"] == "charged":
        return {"outcome": "charged", "reason": ""}
    if order["status"] != "reserved":
        return {"outcome": "over", "reason": f"the order is {order['status']}"}
    generation = _admitted()
    store.note_payment(transaction_id, "asked")
    answer = _reported(
        generation, lambda: provider.charge(transaction_id, int(order["total_cents"]), order["payment"]["method"],
                                            correlation_id)
    )  # fmt: skip
    if answer.declined:
        store.note_payment(transaction_id, "declined")
    else:
        store.note_charged(transaction_id, answer.charge_id)
    logger.info("charged" if not answer.declined else "declined", transaction_id=transaction_id, reason=answer.reason)
    return {"outcome": "declined" if answer.declined else "charged", "reason": answer.reason}


def refund(transaction_id: str, correlation_id: str) -> dict[str, Any]:
    """Give back whatever was taken for the order, and have nothing taken for it any more.

    Raises:
        ProviderNotAsked, provider.Unavailable: try again later.
    """
    answer = _reported(_admitted(), lambda: provider.refund(transaction_id, correlation_id))
    store.note_payment(transaction_id, "refunded")
    logger.info("refunded", transaction_id=transaction_id, reason=answer.reason)
    return {"outcome": "refunded", "reason": answer.reason}


STEPS = {"charge": charge, "refund": refund}


def _admitted() -> int:
    """The breaker's generation in which the provider may be asked now.

    Raises:
        ProviderNotAsked
    """
    current = store.admitted()
    if current is None:
        metrics.add_metric(name="PaymentsNotAsked", unit=MetricUnit.Count, value=1)
        raise ProviderNotAsked("The payment provider has failed too often and is left alone for a while.")
    return current.generation


def _reported(generation: int, ask: Any) -> provider.Answer:
    """Ask, and tell the breaker how it went."""
    try:
        answer: provider.Answer = ask()
    except provider.Unavailable as error:
        turned = store.report(generation, succeeded=False)
        metrics.add_metric(name="PaymentProviderFailures", unit=MetricUnit.Count, value=1)
        if turned is State.OPEN:
            metrics.add_metric(name="PaymentBreakerOpened", unit=MetricUnit.Count, value=1)
            logger.error("the breaker opened", reason=str(error))
        raise
    if store.report(generation, succeeded=True) is State.CLOSED:
        logger.info("the breaker closed")
    return answer
