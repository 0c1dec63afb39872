# needs: s3:GetObject s3:PutObject dynamodb:PutItem
import json
import os
import urllib.parse

import boto3

s3 = boto3.client("s3")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def lambda_handler(event, context):
    for record in event["Records"]:
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        body = s3.get_object(Bucket=record["s3"]["bucket"]["name"], Key=key)["Body"].read()
        table.put_item(Item={"pk": key, "size": len(body)})
        s3.put_object(Bucket=os.environ["OUT"], Key=f"done/{key}", Body=json.dumps({"ok": True}))
    return {"statusCode": 200}
