"""Does what a client asks for, and answers by its connection id. What is wrong with a message its sender is told."""

from __future__ import annotations

import contextlib
from typing import Any

from actions import BadMessage, Command, Ping, Send, Subscribe, Unsubscribe, id_of, read
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from connections import Expired, Gone
from correlation import correlation_id_of
from store import connections

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(correlation_id_of(event))
    asked, body = event["requestContext"], event.get("body") or ""
    connection_id = asked["connectionId"]
    try:
        answer = carry_out(read("" if event.get("isBase64Encoded") else body), connection_id, asked["authorizer"])
    except BadMessage as problem:
        answer = {"type": "error", "code": problem.code, "message": str(problem)}
        metrics.add_metric(name="MessagesRefused", unit=MetricUnit.Count, value=1)
        logger.info("refused", code=problem.code, connection_id=connection_id)
    except Expired:
        answer = {"type": "error", "code": "token_expired", "message": "The token has expired: connect again."}
    if given := id_of(body):
        answer["id"] = given
    with contextlib.suppress(Gone):
        connections.push(connection_id, answer)
    logger.info("answered", route=asked["routeKey"], answer=answer["type"], connection_id=connection_id)
    return {"statusCode": 200}


def carry_out(command: Command, connection_id: str, who: dict[str, Any]) -> dict[str, Any]:
    """Do it; gives the answer for its sender.

    Raises:
        Expired
        BadMessage: code not_subscribed.
    """
    match command:
        case Ping():
            return {"type": "pong"}
        case Subscribe(topic):
            connections.subscribe(connection_id, topic)
            return {"type": "subscribed", "topic": topic}
        case Unsubscribe(topic):
            connections.unsubscribe(connection_id, topic)
            return {"type": "unsubscribed", "topic": topic}
        case Send(topic, message):
            if not connections.is_subscribed(connection_id, topic):
                raise BadMessage("not_subscribed", f"Subscribe to {topic} first.")
            told = {"type": "message", "topic": topic, "from": who["principalId"], "message": message}
            others = [other for other in connections.subscribers(topic) if other != connection_id]
            return {"type": "sent", "topic": topic, "reached": sum(_reached(other, told, topic) for other in others)}


def _reached(connection_id: str, message: dict[str, Any], topic: str) -> bool:
    try:
        connections.push(connection_id, message, topic)
    except Gone:
        return False
    return True
