"""Answer an approval: POST /approvals/{approval_id} {"decision": "approve" | "reject", "comment": "…"}.

The decision is written down on condition that there is none, then handed to the execution, then marked as delivered. So
one of two answers counts; and who got no answer because a worker died between the steps sends the same one again.
"""

from __future__ import annotations

import time
from typing import Any

import decisions
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError, ServiceError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
tracer = Tracer()
metrics = Metrics()
app = APIGatewayRestResolver()


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST, clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)


@app.post("/approvals/<approval_id>")
def answer(approval_id: str) -> dict[str, Any]:
    try:
        decision = decisions.parse(app.current_event.json_body)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    approval = store.find(approval_id) if decisions.is_approval_id(approval_id) else None
    if approval is None:
        raise NotFoundError("There is no such approval, or not yet.")
    logger.append_keys(approval_id=approval_id, execution_correlation_id=approval.get("correlation_id"))
    refuse(decisions.refusal(approval, decision, now=time.time()))
    by = decisions.who(app.current_event.request_context.authorizer.raw_event or {})
    claimed = store.claim(approval_id, decision, by)
    if claimed is None:  # somebody was faster
        refuse(decisions.refusal(store.find(approval_id) or approval, decision, now=time.time()))
        raise ServiceError(409, "The approval was answered just now.")
    if not store.deliver(claimed["task_token"], decision, by):
        refuse(decisions.closed(store.find(approval_id) or claimed, now=time.time()))
    store.mark_delivered(approval_id)
    metrics.add_metric(name="ApprovalsAnswered", unit=MetricUnit.Count, value=1)
    return {"approval_id": approval_id, "decision": decision.decision, "by": by}


def refuse(refusal: tuple[int, str] | None) -> None:
    if refusal is not None:
        raise ServiceError(*refusal)


@app.exception_handler(ServiceError)
def say(error: ServiceError) -> Response[dict[str, str]]:
    return Response(error.status_code, "application/json", {"message": error.msg})
