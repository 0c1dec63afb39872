# needs: dynamodb:GetItem dynamodb:UpdateItem dynamodb:Query
# unreachable: dynamodb:DeleteItem
import os
from dataclasses import dataclass

import boto3
from boto3.dynamodb.conditions import Key


@dataclass
class Order:
    id: str
    total: int


class Orders:
    def __init__(self, table=None):
        self._table = table or boto3.resource("dynamodb").Table(os.environ["ORDERS"])

    def find(self, order_id):
        item = self._table.get_item(Key={"id": order_id}).get("Item")
        return Order(**item) if item else None

    def add(self, order_id, amount):
        self._table.update_item(
            Key={"id": order_id}, UpdateExpression="ADD total :a", ExpressionAttributeValues={":a": amount}
        )

    def of_customer(self, customer):
        return self._table.query(IndexName="by-customer", KeyConditionExpression=Key("customer").eq(customer))["Items"]

    def forget(self, order_id):
        self._table.delete_item(Key={"id": order_id})


orders = Orders()


def handler(event, context):
    if event["action"] == "add":
        orders.add(event["id"], event["amount"])
    elif event["action"] == "list":
        return orders.of_customer(event["customer"])
    return orders.find(event["id"])
