# needs: dynamodb:PutItem dynamodb:UpdateItem dynamodb:ConditionCheckItem dynamodb:GetItem
import os

import boto3

client = boto3.client("dynamodb")


def transfer(source, target, amount):
    items = [
        {
            "ConditionCheck": {
                "TableName": os.environ["LIMITS"],
                "Key": {"id": {"S": source}},
                "ConditionExpression": "ok",
            }
        },
        {"Update": {"TableName": os.environ["ACCOUNTS"], "Key": {"id": {"S": source}}, "UpdateExpression": "ADD b :m"}},
    ]
    items.append({"Put": {"TableName": os.environ["LEDGER"], "Item": {"id": {"S": target}, "n": {"N": str(amount)}}}})
    client.transact_write_items(TransactItems=items)


def handler(event, context):
    transfer(**event)
    return client.transact_get_items(
        TransactItems=[{"Get": {"TableName": os.environ["ACCOUNTS"], "Key": {"id": {"S": event["source"]}}}}]
    )
