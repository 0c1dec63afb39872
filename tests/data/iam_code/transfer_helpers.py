# needs: s3:GetObject s3:PutObject
# optional: s3:AbortMultipartUpload
import os
import tempfile
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig

s3 = boto3.client("s3")
CONFIG = TransferConfig(multipart_threshold=64 * 1024 * 1024)


def handler(event, context):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "in"
        s3.download_file(event["bucket"], event["key"], str(file))
        with file.open("rb") as stream:
            s3.upload_fileobj(stream, os.environ["ARCHIVE"], event["key"], Config=CONFIG)
    s3.copy({"Bucket": os.environ["ARCHIVE"], "Key": event["key"]}, os.environ["BACKUP"], event["key"])
