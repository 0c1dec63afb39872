"""What follows upon a job that is over: its failures are kept, its end is announced, its report is written.

EventBridge may deliver the event twice. The report is put last: where there is one, all has been done. A worker that
dies before it leaves the rest to the next delivery, which then says again what was said: consumers that can't bear it
look at `job_id`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from follow_up import failures, finished, job_in, manifest_of_version

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    job = job_in(event["detail"])
    logger.set_correlation_id(job.correlation_id)
    if store.has_report(job.id):
        logger.info("delivered again", job_id=job.id)
        return {"job_id": job.id}
    failed, results = store.failed_parts(job, event["detail"]), store.results_of(job)
    manifest = store.fetch_manifest(job.manifest_key) if job.manifest_key else manifest_of_version(job, store.SOURCES)
    kept = failures(job, manifest, failed, results)
    for failure in kept:
        store.keep(failure, job.correlation_id)
    detail = finished(job, failed, results, store.report_key(job.id), datetime.now(UTC).isoformat())
    store.announce(detail)
    failed_children = [
        {"job_id": part.job_id, "index": part.index, "reason": part.reason, "attempts": part.attempts}
        for part in failed
    ]
    rejected = [entry for result in results.values() for entry in result.get("rejected") or ()]
    store.put_report(job.id, detail | {"failed_children": failed_children, "rejected": rejected})
    metrics.add_metric(name="BulkJobsFinished", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="BulkFailuresKept", unit=MetricUnit.Count, value=len(kept))
    logger.info("followed up", job_id=job.id, status=job.status, failures=len(kept))
    return {"job_id": job.id}
