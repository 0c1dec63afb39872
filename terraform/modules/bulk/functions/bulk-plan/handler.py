"""Turn bulk.requested into one array job. EventBridge may deliver the event twice, and Lambda may die anywhere.

The manifest is put on condition that there is none: whoever does submits the job, whose name is the request's. A second
delivery finds manifest and job, and is done. If it finds no job, the first may be submitting it just now: it comes
back, and submits it itself once the first must be dead.
"""

from __future__ import annotations

from typing import Any

import events
import plan
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()

CLAIM_SECONDS = 60  # this function's timeout: nobody who claimed a request earlier still runs


class InOtherHands(Exception):
    """Another delivery is submitting this job just now; come back to see that it did."""


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    correlation_id = correlation_id_of(event)
    logger.set_correlation_id(correlation_id)
    try:
        events.check("bulk.requested", event["detail"])
        request = plan.BulkRequest.of(event["detail"])
        if request.source not in store.SOURCES:
            raise plan.Rejected(f"there is no source {request.source}: use one of {', '.join(store.SOURCES)}")
        job_id = job_for(request)
    except (events.Invalid, plan.Rejected) as rejection:
        store.set_aside(
            event,
            function_arn=context.invoked_function_arn,
            reason=str(rejection),
            correlation_id=correlation_id,
        )
        metrics.add_metric(name="BulkRequestsRejected", unit=MetricUnit.Count, value=1)
        logger.warning("rejected", reason=str(rejection))
        return {"rejected": str(rejection)}
    return {"job_id": job_id}


def job_for(request: plan.BulkRequest) -> str:
    """The id of the request's job, which is submitted if it isn't yet.

    Raises:
        Rejected: there is nothing to do, or too much.
        InOtherHands: whether there is one shows later.
    """
    found = store.find_manifest(request.request_id)
    if found is None:
        place = store.SOURCES[request.source]
        keys = request.keys or tuple(store.list_photos(request.source, request.prefix))
        manifest = plan.manifest(request, place["bucket"], keys)
        if not store.claim(request.request_id, plan.as_bytes(manifest)):
            raise InOtherHands(request.request_id)
    else:
        manifest, age_seconds = found
        if job_id := store.find_job(request.job_name):
            logger.info("delivered again", job_id=job_id)
            return job_id
        if age_seconds < CLAIM_SECONDS:
            raise InOtherHands(request.request_id)
    size = len(manifest["slices"])
    job_id = store.submit(request.job_name, request.request_id, request.correlation_id, size)
    metrics.add_metric(name="BulkJobsSubmitted", unit=MetricUnit.Count, value=1)
    logger.info("submitted", job_id=job_id, children=size, photos=sum(map(len, manifest["slices"])))
    return job_id
