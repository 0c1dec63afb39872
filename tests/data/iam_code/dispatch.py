# needs: dynamodb:PutItem dynamodb:DeleteItem dynamodb:GetItem
import os

import boto3

dynamo = boto3.client("dynamodb")
TABLE = os.environ["TABLE"]


def read(item):
    return dynamo.get_item(TableName=TABLE, Key={"id": {"S": item["id"]}})


OPERATIONS = {
    "create": lambda item: dynamo.put_item(TableName=TABLE, Item=item),
    "read": read,
    "delete": lambda item: dynamo.delete_item(TableName=TABLE, Key={"id": {"S": item["id"]}}),
    "echo": lambda item: item,
}


def handler(event, context):
    operation = event["operation"]
    if operation in OPERATIONS:
        return OPERATIONS[operation](event.get("payload"))
    raise ValueError(f"Unrecognized operation {operation}")
