# needs: secretsmanager:GetSecretValue sqs:SendMessage
import functools
import json
import os

import boto3

_client = None


def client():
    global _client
    if _client is None:
        _client = boto3.client("secretsmanager", region_name=os.environ.get("AWS_REGION", "eu-west-1"))
    return _client


@functools.lru_cache(maxsize=1)
def queue():
    return boto3.client("sqs")


def read(name):
    return json.loads(client().get_secret_value(SecretId=name)["SecretString"])


def handler(event, _context):
    secret = read(os.environ["SECRET"])
    queue().send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=secret["greeting"])
