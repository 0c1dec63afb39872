"""What an Application Load Balancer sends to a function: no emulator fires that, so AWS's documented event stands in.

Source: AWS Lambda developer guide, "Process Application Load Balancer requests with Lambda", with multi-value headers
as "Lambda functions as targets" in the load balancer guide shows them.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aws_lambda_powertools.event_handler import ALBResolver
from correlation import correlation_id_of

EVENT: dict[str, Any] = {
    "requestContext": {
        "elb": {
            "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
            "targetgroup/lambda-279XGJDqGZ5rsrHC2Fjr/49e9d65c45c6791a"
        }
    },
    "httpMethod": "GET",
    "path": "/lambda",
    "queryStringParameters": {"query": "1234ABCD"},
    "headers": {
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,*/*;q=0.8",
        "accept-encoding": "gzip",
        "accept-language": "en-US,en;q=0.9",
        "connection": "keep-alive",
        "host": "lambda-alb-123578498.us-east-1.elb.amazonaws.com",
        "upgrade-insecure-requests": "1",
        "user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
        "x-amzn-trace-id": "Root=1-5c536348-3d683b8b04734faae651f476",
        "x-forwarded-for": "72.12.164.125",
        "x-forwarded-port": "80",
        "x-forwarded-proto": "http",
        "x-imforwards": "20",
    },
    "body": "",
    "isBase64Encoded": False,
}

app = ALBResolver()


@app.get("/lambda")
def show() -> dict[str, Any]:
    return {"asked": app.current_event.query_string_parameters}


def answer(event: dict[str, Any]) -> dict[str, Any]:
    return app.resolve(event, SimpleNamespace(aws_request_id="a-request"))  # type: ignore[arg-type]


def test_a_function_answers_a_load_balancer_as_it_answers_an_api():
    answered = answer(EVENT)
    assert (answered["statusCode"], answered["body"]) == (200, '{"asked":{"query":"1234ABCD"}}')
    assert answered["headers"]["Content-Type"] == "application/json"


def test_with_multi_value_headers_the_answer_has_them_too():
    event = {name: value for name, value in EVENT.items() if name not in {"headers", "queryStringParameters"}}
    event["multiValueHeaders"] = {name: [value] for name, value in EVENT["headers"].items()}
    event["multiValueQueryStringParameters"] = {"query": ["1234ABCD"]}
    assert answer(event)["multiValueHeaders"]["Content-Type"] == ["application/json"]


def test_a_path_that_is_not_there_is_404():
    assert answer({**EVENT, "path": "/elsewhere"})["statusCode"] == 404


def test_the_viewers_correlation_id_is_found_in_either_kind_of_headers():
    given = {**EVENT["headers"], "x-correlation-id": "order-2026-11-21"}
    assert correlation_id_of({**EVENT, "headers": given}) == "order-2026-11-21"
    event = {name: value for name, value in EVENT.items() if name != "headers"}
    assert (
        correlation_id_of({**event, "multiValueHeaders": {name: [value] for name, value in given.items()}})
        == "order-2026-11-21"
    )
