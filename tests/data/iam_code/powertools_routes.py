# needs: dynamodb:Scan dynamodb:PutItem events:PutEvents
import os

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

app = APIGatewayHttpResolver()
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
bus = boto3.client("events")


@app.get("/todos")
def todos():
    return table.scan(Limit=50)["Items"]


@app.post("/todos")
def create():
    body = app.current_event.json_body
    if not body:
        raise NotFoundError
    table.put_item(Item=body)
    bus.put_events(
        Entries=[{"Source": "todo", "DetailType": "made", "Detail": "{}", "EventBusName": os.environ["BUS"]}]
    )
    return body, 201


def lambda_handler(event, context):
    return app.resolve(event, context)
