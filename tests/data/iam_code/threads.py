# needs: rekognition:DetectLabels s3:GetObject dynamodb:BatchWriteItem
from concurrent.futures import ThreadPoolExecutor, as_completed

import boto3

rekognition = boto3.client("rekognition")
s3 = boto3.client("s3")


def label(bucket, key):
    return rekognition.detect_labels(Image={"S3Object": {"Bucket": bucket, "Name": key}}, MaxLabels=5)


def handler(event, context):
    table = boto3.resource("dynamodb").Table("labels")
    with ThreadPoolExecutor(max_workers=8) as pool:
        waiting = {pool.submit(label, event["bucket"], key): key for key in event["keys"]}
        raw = pool.submit(s3.get_object, Bucket=event["bucket"], Key="manifest")
    raw.result()
    with table.batch_writer() as batch:
        for future in as_completed(waiting):
            batch.put_item(Item={"key": waiting[future], "labels": str(future.result())})
