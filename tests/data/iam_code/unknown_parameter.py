# needs: dynamodb:GetItem
# cannot-tell: * dynamodb:PutItem
import os

import boto3
from wiring import container

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def save(store, item):
    store.put_item(Item=item)


def handler(event, context):
    save(container.resolve("store"), event)
    return table.get_item(Key={"id": event["id"]})
