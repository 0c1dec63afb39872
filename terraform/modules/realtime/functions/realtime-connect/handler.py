"""Notes who connects ($connect) and who leaves ($disconnect, which API Gateway promises to try, no more)."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from store import connections

PROTOCOL = "opsctl.v1"
"""What is agreed on of all that the client offered. The token is not: it must not come back."""

logger = Logger()
tracer = Tracer()


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    asked = event["requestContext"]
    connection_id = asked["connectionId"]
    if asked["eventType"] == "DISCONNECT":
        connections.close(connection_id)
        logger.info("left", connection_id=connection_id, code=asked.get("disconnectStatusCode"))
        return {"statusCode": 200}
    who = asked["authorizer"]
    connections.open(connection_id, who["principalId"], int(who["expires_at"]))
    logger.info("connected", connection_id=connection_id, username=who["principalId"])
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": PROTOCOL}}
