# needs: s3:GetObject s3:PutObject
import os

import boto3
from botocore.client import Config

s3 = boto3.client("s3", config=Config(signature_version="s3v4"))


def handler(event, context):
    method = event["requestContext"]["http"]["method"]
    if method == "GET":
        url = s3.generate_presigned_url(
            "get_object", Params={"Bucket": os.environ["BUCKET"], "Key": event["rawPath"]}, ExpiresIn=60
        )
        return {"statusCode": 302, "headers": {"location": url}}
    return s3.generate_presigned_post(os.environ["BUCKET"], event["rawPath"])
