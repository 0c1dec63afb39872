# needs: kinesis:PutRecord firehose:PutRecord
from functools import partial

import boto3

put = getattr(boto3.client("kinesis"), "put_record")  # noqa: B009
deliver = partial(boto3.client("firehose").put_record, DeliveryStreamName="events")


def handler(event, context):
    put(StreamName="clicks", Data=b"x", PartitionKey="1")
    deliver(Record={"Data": b"x"})
