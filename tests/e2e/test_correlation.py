"""One id is followed from the edge to the last function, by the query that people on call have saved for it."""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from opsctl.aws import Aws
from opsctl.smoke import SmokeTarget, checkouts
from opsctl.smoke.check import Trial
from opsctl.terraform.mapping_templates import directives_in
from tests.e2e.project import wait_for

ORDER_REACHES = {
    "order-intake", "order-inventory", "order-payment", "order-charge", "order-settle", "order-notice", "order-mail",
    "order-history", "order-totals", "order-audit",
}  # fmt: skip
"""Every function that works on an order which ends well: by REST, SNS, SQS, Step Functions, EventBridge and streams."""

Line = dict[str, Any]


@pytest.fixture
def follow(target: SmokeTarget) -> Callable[[str], list[Line]]:
    """Run the saved query with an id in it. Gives the functions' own lines."""
    aws = target.aws
    [saved] = aws.pages(
        "logs", "describe_query_definitions", "queryDefinitions[]",
        queryDefinitionNamePrefix=target.output("log_queries.follow-one-id.name"),
    )  # fmt: skip

    def run(correlation_id: str) -> list[Line]:
        now = int(time.time())
        query = aws.call(
            "logs", "start_query", logGroupNames=saved["logGroupNames"], startTime=now - 600, endTime=now + 60,
            queryString=saved["queryString"].replace("CORRELATION-ID", correlation_id),
        )["queryId"]  # fmt: skip

        def answer() -> dict[str, Any] | None:
            found = aws.call("logs", "get_query_results", queryId=query)
            return found if found["status"] == "Complete" else None

        messages = [
            cell["value"]
            for row in wait_for(answer, what="the query's answer")["results"]
            for cell in row
            if cell["field"] == "@message" and cell["value"].startswith("{")
        ]
        return [line for line in map(json.loads, messages) if "level" in line]

    return run


@pytest.fixture
def listen(aws: Aws) -> Iterator[Callable[[str], Callable[[], dict[str, Any]]]]:
    """Hear what a topic announces: gives a function that waits for the next message's body and attributes."""
    name = f"e2e-correlation-{uuid.uuid4().hex[:8]}"
    url = aws.call("sqs", "create_queue", QueueName=name)["QueueUrl"]
    arn = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscriptions: list[str] = []

    def to(topic_arn: str) -> Callable[[], dict[str, Any]]:
        made = aws.call(
            "sns", "subscribe", TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True,
            Attributes={"RawMessageDelivery": "true"},
        )  # fmt: skip
        subscriptions.append(made["SubscriptionArn"])

        def next_message() -> dict[str, Any]:
            def receive() -> dict[str, Any] | None:
                messages = aws.call(
                    "sqs", "receive_message", QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"]
                ).get("Messages", [])
                return (
                    {"body": json.loads(messages[0]["Body"]), **messages[0]["MessageAttributes"]} if messages else None
                )

            found: dict[str, Any] = wait_for(receive, what="an announcement")
            return found

        return next_message

    yield to
    for subscription in subscriptions:
        aws.call("sns", "unsubscribe", SubscriptionArn=subscription)
    aws.call("sqs", "delete_queue", QueueUrl=url)


def test_a_clients_id_is_followed_from_the_edge_through_every_function_that_an_order_reaches(
    trial: Trial, follow: Callable[[str], list[Line]], listen: Callable[[str], Callable[[], dict[str, Any]]]
) -> None:
    heard = listen(trial.target.output("orders.topics.order-events.arn"))
    correlation_id = f"e2e-{uuid.uuid4()}"
    transaction_id = checkouts.place(
        trial, checkouts.order(checkouts.Shelf.fill(trial, 1)), correlation_id=correlation_id
    )

    message = heard()
    assert message["body"]["transaction_id"] == transaction_id
    assert message["correlation_id"]["StringValue"] == correlation_id
    assert checkouts.end_of(trial, transaction_id)["status"] == "confirmed"

    def told() -> list[Line]:
        lines = follow(correlation_id)
        return lines if {line["service"] for line in lines} >= ORDER_REACHES else []

    lines = wait_for(told, what=f"a line of each of {sorted(ORDER_REACHES)}")
    assert {line["correlation_id"] for line in lines} == {correlation_id}


@pytest.mark.parametrize("header", ["", "a" * 65, "no spaces"], ids=["none", "too long", "not an id"])
def test_without_a_well_formed_id_the_requests_own_is_followed(
    trial: Trial, follow: Callable[[str], list[Line]], header: str
) -> None:
    answer = checkouts.send(trial, checkouts.order(checkouts.Shelf.fill(trial, 1)), correlation_id=header)
    assert answer.status == 202
    request_id = answer.headers["x-amzn-requestid"]

    def taken() -> list[Line]:
        return [line for line in follow(request_id) if line["service"] == "order-intake"]

    assert {line["correlation_id"] for line in wait_for(taken, what="the first line")} == {request_id}


def test_an_upload_straight_into_s3_is_followed_by_the_photos_id(
    trial: Trial, follow: Callable[[str], list[Line]], listen: Callable[[str], Callable[[], dict[str, Any]]]
) -> None:
    aws, photo_id = trial.aws, str(uuid.uuid4())
    bucket, table = (trial.target.output(f"photos.{name}") for name in ("bucket", "table"))
    heard = listen(trial.target.output("photos.topic_arn"))
    content = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(content, "JPEG")
    for key in (f"uploads/{photo_id}", f"thumbnails/{photo_id}.jpg"):
        trial.afterwards(key, lambda key=key: aws.call("s3", "delete_object", Bucket=bucket, Key=key))
    trial.afterwards(
        photo_id, lambda: aws.call("dynamodb", "delete_item", TableName=table, Key={"photo_id": {"S": photo_id}})
    )
    aws.call("s3", "put_object", Bucket=bucket, Key=f"uploads/{photo_id}", Body=content.getvalue())

    def mine() -> dict[str, Any] | None:
        message = heard()
        return message if message["body"].get("photo_id") == photo_id else None

    assert wait_for(mine, what="the photo's announcement")["correlation_id"]["StringValue"] == photo_id
    lines = wait_for(lambda: follow(photo_id), what="a line of the worker")
    assert "thumbnail" in {line["service"] for line in lines}
    assert {line["correlation_id"] for line in lines} == {photo_id}


def test_no_integration_of_our_apis_has_logic_in_a_mapping_template(aws: Aws) -> None:
    templates = [
        template
        for api in aws.pages("apigateway", "get_rest_apis", "items[]")
        for resource in aws.pages("apigateway", "get_resources", "items[]", restApiId=api["id"], embed=["methods"])
        for method in resource.get("resourceMethods", {}).values()
        for part in (method.get("methodIntegration", {}), *_answers(method))
        for kind in ("requestTemplates", "responseTemplates")
        for template in (part.get(kind) or {}).values()
    ]
    assert templates, "the preflights, at least, are answered by a template"
    assert [template for template in templates if directives_in(template)] == []


def _answers(method: dict[str, Any]) -> list[dict[str, Any]]:
    return list(method.get("methodIntegration", {}).get("integrationResponses", {}).values())
