# needs: s3:GetObject sqs:DeleteMessage
import json
import os

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

processor = BatchProcessor(event_type=EventType.SQS)
s3, sqs = boto3.client("s3"), boto3.client("sqs")


def record_handler(record):
    message = json.loads(record.body)
    s3.get_object(Bucket=message["bucket"], Key=message["key"])
    sqs.delete_message_batch(
        QueueUrl=os.environ["QUEUE"], Entries=[{"Id": "1", "ReceiptHandle": record.receipt_handle}]
    )


def handler(event, context):
    return process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)
