# needs: execute-api:ManageConnections dynamodb:Scan dynamodb:DeleteItem
import os

import boto3


def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS"])
    domain, stage = event["requestContext"]["domainName"], event["requestContext"]["stage"]
    api = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{domain}/{stage}")
    for item in table.scan(ProjectionExpression="id")["Items"]:
        try:
            api.post_to_connection(ConnectionId=item["id"], Data=event["body"])
        except api.exceptions.GoneException:
            table.delete_item(Key={"id": item["id"]})
