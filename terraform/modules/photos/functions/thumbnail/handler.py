"""Make a photo out of an upload: thumbnail, record, announcement. Fed by SQS, which may deliver a message twice.

The order is what makes it exactly one of each:

1. the thumbnail is put: the same photo gives the same bytes at the same key, so twice does no harm;
2. the record is put on condition that there is none; whoever puts it has claimed the announcement with it;
3. the announcement is published, and then marked as made.

Dead before 2, the message comes back and starts afresh. Dead after it, the claim runs out after a minute, and the next
delivery takes it over. If that was between publishing and marking, the photo is announced once more: SNS can't be
asked what it was told, so in that case alone it is at least once. Consumers that can't bear it look at `photo_id`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of
from thumbnails import Rejected, check_size, make_thumbnail, photo_id_in

logger = Logger()
tracer = Tracer()
metrics = Metrics()
# A batch in which every message failed is answered like any other, so that each is retried alone.
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=logger)


class InOtherHands(Exception):
    """Another worker is announcing this photo just now; come back to see that it did."""


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return dict(process_partial_response(event=event, record_handler=work_off, processor=processor, context=context))


def work_off(record: SQSRecord) -> None:
    """One message: an S3 event, or the test event that S3 sends when a notification is set up (it has no records)."""
    for upload in json.loads(record.body).get("Records", []):
        photo_id, correlation_id = "", correlation_id_of(upload)
        logger.set_correlation_id(correlation_id)
        try:
            photo_id = photo_id_in(upload["s3"]["object"]["key"])
            check_size(upload["s3"]["object"]["size"])
            make_photo(photo_id, correlation_id)
        except Rejected as rejection:
            store.set_aside(record.body, photo_id=photo_id, reason=str(rejection), correlation_id=correlation_id)
            metrics.add_metric(name="PhotosRejected", unit=MetricUnit.Count, value=1)
            logger.warning("rejected", reason=str(rejection))


@tracer.capture_method(capture_response=False)
def make_photo(photo_id: str, correlation_id: str) -> None:
    """Do what of the three steps is not done yet.

    Raises:
        Rejected: it never will be a photo.
        InOtherHands: it may still have to be announced.
    """
    record = store.find_record(photo_id)
    if record is None:
        thumbnail = make_thumbnail(store.fetch_original(photo_id))
        store.put_thumbnail(photo_id, thumbnail)
        record = store.create_record(photo_id, thumbnail, datetime.now(UTC))
    elif record["announcement"] == "made":
        metrics.add_metric(name="PhotosDeliveredAgain", unit=MetricUnit.Count, value=1)
        logger.info("delivered again")
        return
    else:
        record = store.take_over_announcement(photo_id, datetime.now(UTC))
    if record is None:
        raise InOtherHands(photo_id)
    store.publish(
        {
            "event": "photo.ready",
            "photo_id": photo_id,
            "thumbnail_key": record["thumbnail"]["key"],
            "width": int(record["width"]),
            "height": int(record["height"]),
        },
        correlation_id,
    )
    store.mark_announced(photo_id)
    metrics.add_metric(name="PhotosMade", unit=MetricUnit.Count, value=1)
    logger.info("announced")
